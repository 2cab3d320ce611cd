import type { Drift, InstanceSpec, StackIdentity, StackSpec, StackTarget } from "../../sdk/contract/index.ts";
import { kubernetesComponent } from "../kubernetes/kubernetes-component.ts";
import { processComponent } from "../process/process-component.ts";
import { type Adoption, refused } from "./adoption.ts";
import type { RuntimeComponent } from "./runtime-component.ts";
import type { ResourceUrns } from "./urns.ts";

/** What the components of each runtime declare: one line for each of their folders. */
export const runtimeComponents: Readonly<Record<StackTarget["runtime"], RuntimeComponent>> = {
  process: processComponent,
  kubernetes: kubernetesComponent,
};

/** URNs of what all instances of a stack rest on: every operation on one of them sees to it first. */
export function sharedUrns(stack: StackIdentity): ResourceUrns {
  return runtimeComponents[stack.target.runtime].sharedUrns(stack);
}

/**
 * URNs of everything that belongs to one instance, which may be absent from the specification because it goes away.
 * @example instanceUrns(spec, { name: "assistant-1" }).declared
 */
export function instanceUrns(spec: StackSpec, { name }: { readonly name: string }): ResourceUrns {
  const instance = spec.instances.find((candidate) => candidate.name === name);
  const urns = runtimeComponents[spec.target.runtime].instanceUrns(spec, name, instance);
  return instance ? urns : { declared: [], undeclared: [...urns.declared, ...urns.undeclared] };
}

/** What an instance's specification has to say for a drift to be what is declared. */
export function adoptionOf(runtime: StackTarget["runtime"], spec: InstanceSpec, drift: Drift): Adoption {
  return drift.op === "deleted"
    ? refused(spec, "a specification can't say that a part is missing: destroy the instance, or have it repaired")
    : runtimeComponents[runtime].adopt(spec, drift);
}
