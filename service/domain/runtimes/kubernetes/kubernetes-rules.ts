import { InstancePhase } from "../../../../sdk/contract/index.ts";
import { notProvisioned } from "../../instances/conditions.ts";
import type { Instance, InstanceState } from "../../instances/instance.ts";
import { hasFailed } from "../../instances/pod.ts";
import type { RuntimeRules } from "../runtime-rules.ts";

/** Claws that are pods. A pod says whether it is ready: its probes ask the claw itself, and go on when the agent's connection does not. */
export const kubernetesRules: RuntimeRules = {
  awaited: "its pod",
  stopsAgent: false,
  isBesideControlPlane: false,
  runsImages: true,
  takesAll: false,
  enforcesResources: true,
  whyUnprepared: (cluster) =>
    cluster?.networkPolicy.enabled && cluster.networkPolicy.allowedEgress.length === 0
      ? {
          message: "which pods of its cluster can't fetch: its network policy lets them reach the control plane only",
          fix: "have the npm registry's range added to the cluster's spec.networkPolicy.allowedEgress, or remove it",
        }
      : undefined,
  // Somebody deleted the namespace while nobody had an instance there.
  readsAfterFailure: true,
  // What a restart is needed for is in the pod.
  delivers: ["files", "configCheck", "channelCheck"],
  canBeReached: (cluster) => cluster?.reachable === true,
  isReady: ({ pod }) => pod?.ready === true,
  restartedAt: ({ pod }) => pod?.restartedAt,
  phaseOf,
};

function phaseOf(instance: Instance, state: InstanceState): InstancePhase {
  const { pod } = state;
  if (!instance.spec.running && pod === undefined && !notProvisioned(state)) {
    return state.observedGeneration === instance.generation ? InstancePhase.Stopped : state.phase;
  }
  if (pod?.ready) {
    return InstancePhase.Running;
  }
  if (notProvisioned(state) || (pod && hasFailed(pod))) {
    return InstancePhase.Failed;
  }
  // A pod that has run and is not ready for a moment still runs; one that comes back after a failure or a stop is being created again.
  return state.phase === InstancePhase.Running && pod !== undefined ? InstancePhase.Running : InstancePhase.Creating;
}
