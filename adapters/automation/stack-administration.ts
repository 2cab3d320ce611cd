import type { StackAdministration, TenantStack } from "../../service/application/ports/stacks/stack-operations.ts";
import { cancelHolder } from "../engine/contract/lease.ts";
import { StackMissingError, type StackRef, type StackStore } from "../engine/contract/store.ts";
import { engineOf, noStack } from "./stack-engine.ts";
import type { StateJobs } from "./stack-state.ts";

export interface AdministrationParts {
  /** Run in a worker. */
  readonly jobs: StateJobs;
  readonly storeOf: (tenantId: string) => StackStore;
  readonly projectName: string;
  /** How long a cancelled operation may take to end its running steps. @default 30 seconds */
  readonly cancelGraceMs?: number;
}

/** Cancel and unlock work on the lease alone: they must get through when every worker is busy, or hangs. */
export function createAdministration({ jobs, storeOf, projectName, cancelGraceMs = 30_000 }: AdministrationParts): StackAdministration {
  const refOf = ({ stack }: TenantStack): StackRef => ({ project: projectName, stack });
  return {
    exportState: jobs.exportState,
    listHeld: jobs.listHeld,
    importState: jobs.importState,
    forget: jobs.forget,
    history: jobs.history,
    migrate: jobs.migrate,
    cancel: (stack) => known(stack, () => cancelHolder(storeOf(stack.tenantId), refOf(stack), cancelGraceMs)),
    unlock: (stack) =>
      known(stack, async () => {
        const holder = await storeOf(stack.tenantId).breakLease(refOf(stack));
        if ((await engineOf(storeOf(stack.tenantId), refOf(stack))) === "cli") {
          await jobs.releaseLock(stack);
        }
        return { holder };
      }),
  };
}

async function known<T>(stack: TenantStack, work: () => Promise<T>): Promise<T> {
  return work().catch((error: unknown) => {
    throw error instanceof StackMissingError ? noStack(stack) : error;
  });
}
