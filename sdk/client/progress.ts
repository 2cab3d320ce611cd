import type { ClawInstance, ConditionReason, ConditionType, InstancePhase } from "../contract/index.ts";

const APPLYING: ConditionReason = "Applying";

/**
 * What to wait for: a phase, a condition that is true, or what its specification says. `Ready` is that it serves as it is declared to,
 * `Destroyed` that it is gone, and `Declared` that it is ready or stopped, whichever is declared.
 */
export type WaitGoal = "Declared" | InstancePhase | Exclude<ConditionType, "Reachable" | "Accepted">;

/** How far an instance is on its way to a goal. */
export interface Progress {
  /** `failed`: it won't get there by itself. */
  readonly state: "waiting" | "done" | "failed";
  /** Where it is, in its own words: phase, and the reason and message of the condition that says most. */
  readonly note: string;
}

/** Judges an instance by its own words: phase, conditions, and whether they are about its newest generation. */
export function progressOf(instance: ClawInstance, goal: WaitGoal = "Declared"): Progress {
  const { phase } = instance.status;
  const declared = progressToDeclared(instance);
  const { state, note } = declared;
  if (goal === "Declared") {
    return declared;
  }
  if (goal === "Destroyed") {
    return { state: phase === "Destroyed" ? "done" : "waiting", note };
  }
  if (instance.status.observedGeneration < instance.metadata.generation) {
    return { state: "waiting", note };
  }
  const isReached =
    goal === "Ready"
      ? state === "done" && instance.spec.running && statusOf(instance, "Ready") === "True"
      : phase === goal || statusOf(instance, goal) === "True";
  if (isReached) {
    return { state: "done", note };
  }
  if (state === "done" && instance.spec.running && goal === "Stopped") {
    return { state: "failed", note: `${note}, as is declared: stop it` };
  }
  if (state === "done" && !instance.spec.running && (goal === "Ready" || goal === "Running")) {
    return { state: "failed", note: `${note}, as is declared: start it` };
  }
  return { state: state === "failed" ? "failed" : "waiting", note };
}

function progressToDeclared({ metadata, spec, status }: ClawInstance): Progress {
  const { phase, observedGeneration, readyReplicas, conditions } = status;
  const ready = conditions.find(({ type }) => type === "Ready");
  const reason = ready && ready.status !== "True" ? `${ready.reason}${ready.message ? `: ${ready.message}` : ""}` : "";
  const note = reason && ready?.reason !== phase ? `${phase}, ${reason}` : phase;
  if (observedGeneration < metadata.generation) {
    return { state: "waiting", note };
  }
  if (phase === "Failed") {
    return { state: "failed", note };
  }
  const provisioned = conditions.find(({ type }) => type === "Provisioned");
  if (provisioned?.status === "False") {
    // It was given up; what ran before may run on.
    return { state: "failed", note: `${phase}, ${provisioned.reason}: ${provisioned.message}` };
  }
  const config = spec.running ? conditions.find(({ type }) => type === "ConfigSynced") : undefined;
  if (config?.status === "False" || config?.reason === APPLYING) {
    // A refusal from before the last change is about another configuration.
    const isRefused = config.status === "False" && Date.parse(config.lastTransitionTime) >= Date.parse(metadata.updatedAt);
    // What is not ready says why itself.
    const isTold = reason !== "" && config.status !== "False";
    return {
      state: isRefused ? "failed" : "waiting",
      note: isTold ? note : `${phase}, ConfigSynced is ${config.status}: ${config.message}`,
    };
  }
  const isReached = spec.running ? phase === "Running" && ready?.status !== "False" && readyReplicas >= spec.replicas : phase === "Stopped";
  return { state: isReached ? "done" : "waiting", note };
}

function statusOf({ status }: ClawInstance, type: string): string | undefined {
  return status.conditions.find((condition) => condition.type === type)?.status;
}
