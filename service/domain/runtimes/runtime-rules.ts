import type { ClawRuntime, ClusterSpec, InstancePhase, StackTarget } from "../../../sdk/contract/index.ts";
import type { ClusterState } from "../clusters/cluster.ts";
import type { Instance, InstanceState } from "../instances/instance.ts";

/** The runtimes that there are, as a stack's target names them. */
export type RuntimeName = StackTarget["runtime"];

/** What of an instance's life depends on its runtime. */
export interface RuntimeRules {
  /** What an instance that nothing is known of waits for: `its pod`. */
  readonly awaited: string;
  /** Whether a claw that is stopped has no agent either: nobody is left who could tell of it. */
  readonly stopsAgent: boolean;
  /** Whether claws are on the control plane's own host, where one that nothing confines can do what that can. */
  readonly isBesideControlPlane: boolean;
  /** Whether claws run from images: one whose program is in nothing else needs that. */
  readonly runsImages: boolean;
  /** Whether instances are taken as they come: there is no capacity to share out, and nothing to be closed for them. */
  readonly takesAll: boolean;
  /** Whether a claw can't take more CPU and memory than it asks for; else that is only counted against quotas. */
  readonly enforcesResources: boolean;
  /** Why what a claw needs beside its software can't be installed before it starts; undefined where it can. @param cluster as it is declared */
  whyUnprepared(cluster: Pick<ClusterSpec, "networkPolicy"> | undefined): { readonly message: string; readonly fix: string } | undefined;
  /** Whether what failed may rest on what somebody else deleted, so that the next attempt reads first what there is. */
  readonly readsAfterFailure: boolean;
  /** Whether an operation that nobody has heard of can have made something there. @param cluster what is known of it, if it is registered */
  canBeReached(cluster: ClusterState | undefined): boolean;
  /** What of a claw's runtime its agent takes while it runs; anything else is the engine's. */
  readonly delivers: readonly (keyof ClawRuntime)[];
  isReady(state: InstanceState): boolean;
  /** The restart that what runs has been through, empty for none; undefined where nobody tells. */
  restartedAt(state: InstanceState): string | undefined;
  /** Of one that is not being destroyed. */
  phaseOf(instance: Instance, state: InstanceState): InstancePhase;
}
