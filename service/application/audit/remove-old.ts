import type { AuditRecord } from "../../../sdk/contract/index.ts";
import { CONTROL_PLANE } from "../../domain/access/actor.ts";
import { type AuditEntry, CARRIED, type ChainId, entryOf, follow, headFault, OPENED, REMOVED } from "../../domain/audit/chain.ts";
import type { AuditSigner } from "../ports/audit/audit-signer.ts";
import type { Transactions } from "../ports/transactions.ts";

export interface RemoveDependencies {
  readonly transactions: Transactions;
  readonly auditSigner: AuditSigner;
  readonly clock: () => Date;
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** Records that go in one transaction. */
const BATCH = 1000;

/** What became of a chain's old records. */
export interface Removal {
  readonly removed: number;
  readonly more: boolean;
  /** Why they stay: what somebody has broken must not go with what is old. */
  readonly fault?: string;
}

/**
 * Removes the oldest records of a chain, some at a time, when they are older than they are kept. It is done and put on record in one transaction: the chain starts from
 * the record before, by a head that is signed anew, and its newest record says which ones are gone. They are verified before they go.
 */
export function removeOld(chain: ChainId, days: number, { transactions, auditSigner, clock }: RemoveDependencies): Promise<Removal> {
  const now = clock();
  const limit = new Date(now.getTime() - days * DAY_MS).toISOString();
  return transactions.platform(async (tx): Promise<Removal> => {
    await tx.auditChains.lock(chain);
    const log = tx.auditChains.of(chain);
    const head = await log.head();
    if (!head) {
      return { removed: 0, more: false };
    }
    const fault = headFault(head, auditSigner);
    if (fault !== undefined) {
      return { removed: 0, more: false, fault };
    }
    const records = await log.following(head.start.sequence, BATCH);
    const firstKept = records.findIndex(({ time }) => time >= limit);
    const old = firstKept === -1 ? records : records.slice(0, firstKept);
    // What only says what is gone would make room for another of its own kind, for ever.
    if (old.length < BATCH && old.every(({ action }) => action === REMOVED || action === CARRIED)) {
      return { removed: 0, more: false };
    }
    const end = follow(head.start, old);
    if ("message" in end) {
      return { removed: 0, more: false, fault: end.message };
    }
    const told = { time: now.toISOString(), by: CONTROL_PLANE };
    const details = {
      ...{ after: String(head.start.sequence), upTo: String(end.sequence), removed: String(old.length), keptDays: String(days) },
      ...{ hash: end.hash, hashBefore: head.start.hash },
    };
    const removal = entryOf({ ...told, action: REMOVED, resource: aLog(chain), details });
    tx.auditChains.remove(chain, end, [...old.flatMap((record) => carried(record, told)), removal]);
    return { removed: old.length, more: old.length === BATCH };
  });
}

/** The platform's chain goes on to say which chains there are. */
function carried(
  { action, sequence, resource, details }: AuditRecord,
  told: Pick<Parameters<typeof entryOf>[0], "time" | "by">,
): AuditEntry[] {
  if (!resource || (action !== OPENED && action !== CARRIED)) {
    return [];
  }
  const opened = action === OPENED ? String(sequence) : (details["opened"] ?? "");
  return [entryOf({ ...told, action: CARRIED, resource: aLog(resource.name), details: { opened } })];
}

function aLog(chain: string) {
  return { kind: "AuditLog", name: chain, uid: chain };
}
