import { ClawError, type StackEngine } from "../../sdk/contract/index.ts";
import type { TenantStack } from "../../service/application/ports/stacks/stack-operations.ts";
import type { StackRef, StackStore } from "../engine/contract/store.ts";

/** The tag of a stack's row that says which engine keeps its state; a row without it is the embedded engine's. */
export const ENGINE_TAG = "clusterclaw.io/engine";

/** Which engine keeps the stack's state; undefined when there is no such stack yet. */
export async function engineOf(store: StackStore, ref: StackRef): Promise<StackEngine | undefined> {
  const stack = await store.findStack(ref);
  return stack && (stack.tags[ENGINE_TAG] === "cli" ? "cli" : "embedded");
}

export function noStack({ stack }: TenantStack): ClawError {
  return new ClawError("stack.not_found", `there is no stack '${stack}': nothing was ever run for it`);
}
