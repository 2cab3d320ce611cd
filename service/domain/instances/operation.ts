import { type InstanceId, type InstanceOperation, OPERATION_RESOURCES_MAX, type ResourceProgress } from "../../../sdk/contract/index.ts";

/** An operation as it is kept. */
export interface KeptOperation extends InstanceOperation {
  readonly instance: InstanceId;
}

/** The operation once its engine has said more of its resources. */
export function withProgress<T extends InstanceOperation>(operation: T, said: readonly ResourceProgress[]): T {
  const known = new Map(operation.resources.map((resource) => [keyOf(resource), resource]));
  for (const resource of said) {
    known.set(keyOf(resource), resource);
  }
  const resources = [...known.values()].sort((one, other) => one.level - other.level).slice(0, OPERATION_RESOURCES_MAX);
  return { ...operation, resources };
}

/** The operation once it has ended: nothing of it is under way any more. */
export function withEnd<T extends InstanceOperation>(
  operation: T,
  state: Exclude<InstanceOperation["state"], "running">,
  endedAt: string,
): T {
  const resources = operation.resources.map((resource): ResourceProgress => {
    const isOpen = resource.state === "pending" || resource.state === "running";
    if (isOpen && state === "succeeded") {
      return { ...resource, op: resource.op ?? "same", state: "done", endedAt };
    }
    return resource.state === "running" ? { ...resource, state: "interrupted", endedAt } : resource;
  });
  return { ...operation, state, endedAt, resources };
}

function keyOf({ type, name }: ResourceProgress): string {
  return `${type} ${name}`;
}
