import { EventReason, EventType } from "../../../sdk/contract/index.ts";
import { CONTROL_PLANE } from "../../domain/access/actor.ts";
import { recordEvents } from "../instances/report-status.ts";
import type { Transactions } from "../ports/transactions.ts";

export interface RenewDependencies {
  readonly transactions: Transactions;
  readonly clock: () => Date;
  /** The reconciler looks at once. */
  readonly wake: () => void;
}

/** How old a token of an agent becomes: one that was copied is of use to nobody after that. */
const DAYS = 30;

/** Has instances handed another token for their agents whose last one is old. @returns how many */
export async function renewAgentTokens(limit: number, { transactions, clock, wake }: RenewDependencies): Promise<number> {
  const now = clock().toISOString();
  const event = {
    type: EventType.Normal,
    reason: EventReason.Requested,
    message: "another token for its agent",
    actor: CONTROL_PLANE.subject,
  };
  const renewed = await transactions.platform(async (tx) => {
    const old = await tx.work.listOldTokens(DAYS, limit);
    let count = 0;
    for (const tenantId of new Set(old.map((instance) => instance.tenantId))) {
      const scope = await tx.enter(tenantId);
      const ids = await scope.instances.renewAgentTokens(old.filter((instance) => instance.tenantId === tenantId).map(({ id }) => id));
      await scope.instances.requestReconcile(ids);
      await recordEvents(
        scope,
        ids.map((instance) => ({ instance, ...event })),
        now,
      );
      count += ids.length;
    }
    return count;
  });
  if (renewed > 0) {
    wake();
  }
  return renewed;
}
