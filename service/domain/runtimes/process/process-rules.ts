import { AgentPhase, AgentReason, InstancePhase } from "../../../../sdk/contract/index.ts";
import { notProvisioned } from "../../instances/conditions.ts";
import type { Instance, InstanceState } from "../../instances/instance.ts";
import type { RuntimeRules } from "../runtime-rules.ts";

/** Claws that are processes of the control plane's host: their agents alone say how they are. */
export const processRules: RuntimeRules = {
  awaited: "its agent",
  stopsAgent: true,
  isBesideControlPlane: true,
  runsImages: false,
  takesAll: true,
  enforcesResources: false,
  whyUnprepared: () => undefined,
  readsAfterFailure: false,
  // The agent starts its claw itself: it takes what asks for a restart too.
  delivers: ["files", "env", "secretEnv", "restartDigest", "prepare", "configCheck", "channelCheck"],
  canBeReached: () => true,
  isReady: ({ agent }) => agent?.phase === AgentPhase.Ready,
  restartedAt: ({ agent }) => agent?.restartedAt,
  phaseOf,
};

function phaseOf(instance: Instance, state: InstanceState): InstancePhase {
  const agent = state.agent;
  if (!instance.spec.running) {
    if (notProvisioned(state)) {
      return InstancePhase.Failed;
    }
    const stopped = agent === undefined || agent.phase === AgentPhase.Stopped;
    return stopped && state.observedGeneration === instance.generation ? InstancePhase.Stopped : state.phase;
  }
  if (agent?.phase === AgentPhase.Ready || agent?.phase === AgentPhase.Unready) {
    return InstancePhase.Running;
  }
  if (
    notProvisioned(state) ||
    agent?.phase === AgentPhase.Failed ||
    (agent?.phase === AgentPhase.BackOff && agent.reason === AgentReason.CrashLoop)
  ) {
    return InstancePhase.Failed;
  }
  // Starting again after a failure is an attempt to get out of it; a first start is still creating.
  return state.phase === InstancePhase.Failed && agent?.phase === AgentPhase.Starting ? InstancePhase.Creating : state.phase;
}
