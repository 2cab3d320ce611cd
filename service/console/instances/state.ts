import type { ClawInstance, Condition } from "../../../sdk/contract/index.ts";
import type { Tone } from "../parts/tone.ts";

/** What of an instance people look at first. */
export type Standing = "ok" | "changing" | "stopped" | "attention" | "failed";

type Looked = Pick<ClawInstance, "spec" | "status" | "metadata">;

/** Conditions that say, when they are so, that somebody has to look. */
const WORRIES: readonly (readonly [type: string, status: "True" | "False"])[] = [
  ["ClusterReachable", "False"],
  ["Provisioned", "False"],
  ["ConfigSynced", "False"],
  ["Drifted", "True"],
  ["ChannelsReady", "False"],
];
/** What passes by itself within seconds. */
const PASSING = new Set(["StackLocked", "StillEnding", "Applying", "ChannelsStarting", "NotRunning", "Pending"]);
const STARTING = new Set(["AgentStarted", "Starting", "WaitingForSlot", "Preparing", "Restarting", "Pending", "Started"]);

export function conditionOf({ status }: Pick<ClawInstance, "status">, type: string): Condition | undefined {
  return status.conditions.find((condition) => condition.type === type);
}

/** The condition that says what is the matter, where something is that does not pass by itself. */
export function worryOf(instance: Looked): Condition | undefined {
  const { phase } = instance.status;
  if (phase === "Destroyed") {
    return undefined;
  }
  const ready = conditionOf(instance, "Ready");
  const worry = WORRIES.map(([type, status]) => ({ condition: conditionOf(instance, type), status })).find(
    ({ condition, status }) => condition?.status === status && !PASSING.has(condition.reason),
  )?.condition;
  if (phase === "Failed") {
    return worry ?? ready;
  }
  if (worry) {
    return worry;
  }
  const isDown = instance.spec.running && phase === "Running" && ready?.status === "False" && !STARTING.has(ready.reason);
  return isDown ? ready : undefined;
}

export function standingOf(instance: Looked): Standing {
  const { phase, observedGeneration, readyReplicas } = instance.status;
  if (phase === "Failed") {
    return "failed";
  }
  if (worryOf(instance)) {
    return "attention";
  }
  if (phase === "Stopped" && !instance.spec.running) {
    return "stopped";
  }
  const isSettled = phase === "Running" && observedGeneration >= instance.metadata.generation && readyReplicas >= instance.spec.replicas;
  return isSettled && instance.spec.running ? "ok" : "changing";
}

const TONES: Readonly<Record<Standing, Tone>> = { ok: "good", changing: "busy", stopped: "off", attention: "warn", failed: "bad" };

export function toneOf(instance: Looked): Tone {
  return instance.status.phase === "Destroyed" ? "gone" : TONES[standingOf(instance)];
}

export const STANDINGS = ["failed", "attention", "changing", "ok", "stopped"] as const satisfies readonly Standing[];

/** How many there are of each. */
export function countStandings(instances: readonly Looked[]): Readonly<Record<Standing, number>> {
  const counts = { ok: 0, changing: 0, stopped: 0, attention: 0, failed: 0 };
  for (const instance of instances) {
    counts[standingOf(instance)]++;
  }
  return counts;
}

/** Whether a name, a type or a template has the words that somebody types. */
export function matches(instance: Looked, words: string): boolean {
  const { metadata, spec } = instance;
  const text = [metadata.name, spec.type, metadata.project ?? "", spec.config.template ?? "", instance.status.cluster]
    .join(" ")
    .toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

export const SORTS = ["name", "state", "type", "age"] as const;
export type Sort = (typeof SORTS)[number];

/** In an order of a table; of those that are alike, by name. */
export function sorted<T extends Looked>(instances: readonly T[], by: Sort, isDescending: boolean): readonly T[] {
  const rank = (instance: T): string | number => {
    switch (by) {
      case "name":
        return instance.metadata.name;
      case "state":
        return STANDINGS.indexOf(standingOf(instance));
      case "type":
        return instance.spec.type;
      case "age":
        return -Date.parse(instance.metadata.createdAt);
    }
  };
  const ranked = instances.map((instance) => ({ instance, rank: rank(instance) }));
  ranked.sort((a, b) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : a.instance.metadata.name < b.instance.metadata.name ? -1 : 1));
  return (isDescending ? ranked.reverse() : ranked).map(({ instance }) => instance);
}
