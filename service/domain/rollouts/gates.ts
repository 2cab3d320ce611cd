import type { RolloutEvidence, RolloutSpec } from "../../../sdk/contract/index.ts";
import type { Held, Member } from "./rollout.ts";

/** What is known of an instance of a rollout when it is looked at. */
export interface Observation {
  readonly held: Held;
  readonly generation: number;
  readonly observedGeneration: number;
  readonly running: boolean;
  readonly ready: boolean;
  /** Why it is not ready. */
  readonly why: string;
  /** Why it has failed, and since when. */
  readonly failure: { readonly message: string; readonly since: string } | undefined;
  /** The version of its program that runs, where it says so. */
  readonly runs: string | undefined;
  /** Whether its claw uses what is declared, where it says so. */
  readonly config: "used" | "waiting" | "refused" | "untold";
  readonly restarts: number;
}

/** An instance with what was found of it; undefined when it is gone. */
export interface Looked {
  readonly member: Member;
  readonly seen: Observation | undefined;
}

/** What an instance's change came to by now. */
export type Verdict =
  | { readonly state: "updated" }
  | { readonly state: "waiting" }
  | { readonly state: "failed"; readonly message: string };

/** Whether an instance that was changed has come up with it. */
export function verdictOf({ member }: Looked, seen: Observation, { gates }: Pick<RolloutSpec, "gates">, now: Date): Verdict {
  if (seen.held !== member.to) {
    return { state: "failed", message: `somebody changed it meanwhile: it is held to ${heldText(seen.held)}` };
  }
  // What had failed before it was changed may come up by it.
  if (seen.failure && seen.failure.since > (member.changedAt ?? "")) {
    return { state: "failed", message: seen.failure.message };
  }
  const isOther = typeof member.to === "string" && seen.running && seen.runs !== undefined && seen.runs !== member.to;
  const hasIt = member.generation !== undefined && seen.observedGeneration >= member.generation && !isOther;
  if (hasIt && seen.config === "refused") {
    return { state: "failed", message: "its claw refused the configuration" };
  }
  if (hasIt && (!seen.running || (seen.ready && seen.config !== "waiting"))) {
    return { state: "updated" };
  }
  const { withinSeconds } = gates.ready;
  if (now.getTime() - Date.parse(member.changedAt ?? now.toISOString()) > withinSeconds * 1000) {
    const why = !hasIt ? "the change is not applied" : seen.ready ? "its claw does not use the new configuration" : seen.why;
    return { state: "failed", message: `it was not ready within ${withinSeconds} s${why === "" ? "" : `: ${why}`}` };
  }
  return { state: "waiting" };
}

const NAMED_MAX = 5;

/** How many they are, in words. */
export function instances({ length }: { readonly length: number }): string {
  return length === 1 ? "1 instance" : `${length} instances`;
}

/** What was seen of the instances that have the change, gate by gate. */
export function evidenceOf(changed: readonly Looked[], { gates }: Pick<RolloutSpec, "gates">, now: Date): readonly RolloutEvidence[] {
  const looked = changed.flatMap(({ member, seen }) => (seen ? [{ member, seen }] : []));
  const measuredAt = now.toISOString();
  const gate = (
    name: RolloutEvidence["gate"],
    isPassed: (one: { readonly member: Member; readonly seen: Observation }) => boolean,
    threshold: string,
    what: string,
  ): RolloutEvidence => {
    const missing = looked.filter((one) => !isPassed(one)).map(({ member }) => member.name);
    const met = looked.length - missing.length;
    const named = `${missing.slice(0, NAMED_MAX).join(", ")}${missing.length > NAMED_MAX ? ", …" : ""}`;
    return {
      gate: name,
      verdict: missing.length === 0 ? "passed" : "waiting",
      value: `${met} of ${looked.length}${missing.length === 0 ? "" : `; not ${named}`}`,
      threshold,
      code: "Counted",
      params: paramsOf({ met, of: looked.length, missing: named === "" ? undefined : named }),
      measuredAt,
      source: what,
    };
  };
  const most = looked.reduce((max, { member, seen }) => Math.max(max, seen.restarts - member.restarts), 0);
  const { max } = gates.restarts;
  return [
    gate("ready", ({ seen }) => seen.ready || !seen.running, "all", `the condition Ready of ${instances(looked)}`),
    gate(
      "config-synced",
      ({ seen }) => seen.config === "used" || seen.config === "untold" || !seen.running,
      "all that tell",
      `the condition ConfigSynced of ${instances(looked)}`,
    ),
    {
      gate: "restarts",
      verdict: most <= max ? "passed" : "failed",
      value: most === 0 ? "none" : `${most} of one instance`,
      threshold: max === 0 ? "none" : `at most ${max} of each`,
      code: "Restarts",
      params: paramsOf({ most, max, of: looked.length }),
      measuredAt,
      source: `restarts of ${instances(looked)} since each came up`,
    },
  ];
}

/** What belongs to a code of evidence, as it is answered. */
export function paramsOf(values: Readonly<Record<string, string | number | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]])));
}

export function heldText(held: Held): string {
  return held === null ? "no version" : `version ${held}`;
}
