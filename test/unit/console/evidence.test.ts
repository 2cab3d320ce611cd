import { describe, it } from "vitest";
import type { RolloutEvidence } from "../../../sdk/contract/index.ts";
import { textsOf } from "../../../service/console/app/catalogue.ts";
import { filled } from "../../../service/console/app/texts.ts";
import { tellEvidence } from "../../../service/console/resources/evidence.ts";

const found = {
  verdict: "passed",
  value: "as the service says it",
  threshold: "",
  measuredAt: "2026-01-05T10:00:00.000Z",
  source: "",
} as const;

describe("what a gate of a rollout found", () => {
  it.for([
    [{ gate: "ready", code: "Counted", params: { met: "2", of: "2" } }, "2 of 2 instances", "2 个实例中的 2 个"],
    [
      { gate: "ready", code: "Counted", params: { met: "1", of: "2", missing: "web" } },
      "1 of 2 instances; not yet web",
      "2 个实例中的 1 个；尚缺 web",
    ],
    [
      { gate: "restarts", code: "Restarts", params: { most: "0", max: "0", of: "2" } },
      "no instance ended by itself | allowed: none",
      /^没有实例自行退出/,
    ],
    [
      { gate: "log-errors", code: "LogLines", params: { count: "0", max: "0", of: "2", texts: "error" } },
      /^no such line in 2 logs/,
      /error$/,
    ],
    [
      {
        gate: "probe",
        code: "Answered",
        params: { count: "1", tokens: "9", expect: "hi", withinSeconds: "5", names: "web", maxTokens: "10" },
      },
      "1 answered as wanted, with 9 tokens at most | wanted: “hi” within 5 s of web, for at most 10 tokens",
      /10 个 token/,
    ],
    [{ gate: "probe", code: "NotMeasured", params: {} }, "not looked at yet", "尚未检查"],
  ] as const)("is said in the reader's language: $0.gate", ([evidence, en, zh], { expect }) => {
    const said = [0, 1].map((index) =>
      tellEvidence({ ...found, ...evidence } as RolloutEvidence)
        ?.map(({ text, values }) => filled(textsOf(text)[index] ?? "", values))
        .join(" | "),
    );
    expect(said[0]).toMatch(en);
    expect(said[1]).toMatch(zh);
    expect(said.join(" ")).not.toMatch(/[{}]/);
  });

  it("is the service's own words where it has no code", ({ expect }) => {
    expect(tellEvidence({ ...found, gate: "ready" })).toBeUndefined();
  });
});
