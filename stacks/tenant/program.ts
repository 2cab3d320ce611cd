import type { StackIdentity, StackSpec, StackTarget } from "../../sdk/contract/index.ts";
import type { Declare } from "./declare.ts";
import { onCluster } from "./on-cluster.ts";
import { onHost } from "./on-host.ts";

export { instanceUrns, sharedUrns } from "../../components/claw-instance/runtimes.ts";
export { PROJECT_NAME, stackName } from "../../components/claw-instance/urns.ts";

/**
 * The program of a tenant's stack: a pure function of the specification. Its outputs don't depend on which of the tenant's
 * instances are in the specification, so that evaluating it for one of them leaves the stack's outputs as they are.
 */
export function tenantProgram(spec: StackSpec): () => Promise<Record<string, unknown>> {
  return async () => {
    const declare = tenantDeclarations(spec);
    for (const instance of spec.instances) {
      declare(instance);
    }
    return { tenant: spec.tenant };
  };
}

/** How each runtime declares instances: one line for each file here. */
const DECLARATIONS: Readonly<Record<StackTarget["runtime"], { declare(stack: StackIdentity): Declare }>> = {
  process: { declare: onHost },
  kubernetes: { declare: onCluster },
};

/** Declares what the stack's instances share, and answers how each of them is declared in the running program; that gives its outputs. */
export function tenantDeclarations(stack: StackIdentity): Declare {
  return DECLARATIONS[stack.target.runtime].declare(stack);
}
