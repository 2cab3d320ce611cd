import type { RolloutEvidence } from "../../../sdk/contract/index.ts";
import type { TextKey } from "../app/catalogue.ts";

/** A text of the console with what is put in it. */
export interface Told {
  readonly text: TextKey;
  readonly values: Readonly<Record<string, string>>;
}

/** What a gate found, what was wanted and of what, for the reader's language; undefined for evidence of before it had codes. */
export function tellEvidence({ gate, code, params = {} }: RolloutEvidence): readonly Told[] | undefined {
  if (code === undefined) {
    return undefined;
  }
  const tell = (text: TextKey): Told => ({ text, values: params });
  if (code === "NotMeasured") {
    return [tell("resources.found_NotMeasured")];
  }
  switch (gate) {
    case "ready":
    case "config-synced":
      return [tell(params["missing"] === undefined ? "resources.found_Counted" : "resources.found_CountedMissing")];
    case "restarts":
      return [
        tell(params["most"] === "0" ? "resources.found_RestartsNone" : "resources.found_Restarts"),
        tell(params["max"] === "0" ? "resources.wanted_noRestarts" : "resources.wanted_restarts"),
      ];
    case "log-errors":
      return [
        tell(code === "LogLines" && params["count"] === "0" ? "resources.found_LogLinesNone" : `resources.found_${code}`),
        tell(params["max"] === "0" ? "resources.wanted_noLines" : "resources.wanted_lines"),
      ];
    case "probe":
      return [
        tell(code === "Answered" && params["tokens"] !== undefined ? "resources.found_AnsweredTokens" : `resources.found_${code}`),
        tell(params["maxTokens"] === undefined ? "resources.wanted_answer" : "resources.wanted_answerTokens"),
      ];
  }
}
