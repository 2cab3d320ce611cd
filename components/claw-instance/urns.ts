import { clusterOf, type StackIdentity, stackNameOf } from "../../sdk/contract/index.ts";

/** The Pulumi project of every tenant's stack: part of each resource's identity. */
export const PROJECT_NAME = "clusterclaw";

/** A resource that a component makes. */
export interface Child {
  readonly type: string;
  /** What its name adds to its parent's. No two parents can have a child of one type and name in common. */
  readonly suffix: string;
}

/** URNs of resources that belong together: what an operation on them targets. */
export interface ResourceUrns {
  /** What the program declares, the component first. */
  readonly declared: readonly string[];
  /** What the program declares no more, or not yet: the stack may hold it still. */
  readonly undeclared: readonly string[];
}

/** Name of the stack that holds a tenant's instances on one target. */
export function stackName({ tenant, target }: StackIdentity): string {
  return stackNameOf(tenant, clusterOf(target));
}

/** URNs of a component and its children. @param declares whether the program declares such a child @internal */
export function componentUrns(
  stack: StackIdentity,
  type: string,
  name: string,
  children: Readonly<Record<string, Child>>,
  declares: (child: Child) => boolean = () => true,
): ResourceUrns {
  const prefix = `urn:pulumi:${stackName(stack)}::${PROJECT_NAME}::${type}`;
  const urnsOf = (isDeclared: boolean) =>
    Object.values(children)
      .filter((child) => declares(child) === isDeclared)
      .map((child) => `${prefix}$${child.type}::${name}${child.suffix}`);
  return { declared: [`${prefix}::${name}`, ...urnsOf(true)], undeclared: urnsOf(false) };
}

/** Whether a URN is of such a child. @internal */
export function isChild(urn: string, { type, suffix }: Child): boolean {
  return urn.includes(`$${type}::`) && urn.endsWith(suffix);
}
