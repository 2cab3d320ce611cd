import type { Drift, InstanceSpec, ResolvedInstance, ResourceChange, StackTarget } from "../../sdk/contract/index.ts";
import type { Adoption } from "./adoption.ts";
import type { ResourceUrns } from "./urns.ts";

/** A tenant's instances on one target. */
export interface StackOn<T extends StackTarget> {
  readonly tenant: string;
  readonly target: T;
}

/** What a runtime's components declare, without declaring it: known to whoever has no program running. */
export interface RuntimeComponent<T extends StackTarget = StackTarget> {
  /** URNs of what all instances of a stack rest on: every operation on one of them sees to it first. */
  sharedUrns(stack: StackOn<T>): ResourceUrns;
  /** URNs of everything that belongs to one instance. @param instance what of it is declared; undefined when it goes away */
  instanceUrns(stack: StackOn<T>, name: string, instance: Pick<ResolvedInstance, "expose"> | undefined): ResourceUrns;
  /** The way back: what a specification has to say for a resource that was changed to be as declared. */
  adopt(spec: InstanceSpec, drift: Drift): Adoption;
  /** Whether a change of a resource ends the claw that runs and starts another. */
  exchangesClaw(change: ResourceChange): boolean;
  /** Whether it changes files that a running claw sees, but not at once. */
  changesMountedFiles(change: ResourceChange): boolean;
}
