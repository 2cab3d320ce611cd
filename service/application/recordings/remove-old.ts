import { CONTROL_PLANE } from "../../domain/access/actor.ts";
import { entryOf } from "../../domain/audit/chain.ts";
import type { Transactions } from "../ports/transactions.ts";

/** Recordings that go in one transaction, each with a record. */
const BATCH = 100;

/** Removes recordings that need not be kept any more, and says so in their tenants' logs, in one transaction. @returns how many; there may be more when that is not none */
export function removeOldRecordings({
  transactions,
  clock,
}: {
  readonly transactions: Transactions;
  readonly clock: () => Date;
}): Promise<number> {
  return transactions.platform(async (tx) => {
    const removed = await tx.oldRecordings.remove(BATCH);
    const time = clock().toISOString();
    for (const { tenantId, id, instance, days } of removed) {
      const resource = { kind: "ClawInstance", name: instance.name, uid: instance.uid };
      const details = { recording: id, keptDays: String(days) };
      (await tx.enter(tenantId)).audit.append(entryOf({ time, by: CONTROL_PLANE, action: "recording.remove", resource, details }));
    }
    return removed.length;
  });
}
