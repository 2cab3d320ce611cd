import type { Logger } from "pino";
import { type RemoveDependencies, removeOld } from "../application/audit/remove-old.ts";
import { removeOldRecordings } from "../application/recordings/remove-old.ts";
import { type Loop, startLoop } from "./loop.ts";

/** Records are kept for days. */
const IDLE_MS = 60 * 60_000;

export interface AuditKeeperDependencies extends RemoveDependencies {
  /** How long records of the platform are kept, and those of tenants that are no more; for ever when undefined. */
  readonly days: number | undefined;
  readonly log: Logger;
}

/** Removes what the audit log need not keep any more, and recordings with it. Of several replicas each may: a chain is locked meanwhile. */
export function startAuditKeeper({ days, log, ...deps }: AuditKeeperDependencies): Loop {
  let after = "";
  const turn = async () => {
    const recordings = await removeOldRecordings(deps).catch((err: unknown) => {
      log.error({ err }, "old recordings could not be removed");
      return 0;
    });
    if (recordings > 0) {
      log.info({ removed: recordings }, "old recordings of terminals were removed");
      return true;
    }
    const found = await deps.transactions.platform((tx) => tx.auditChains.findOld(after, deps.clock().toISOString(), days));
    if (!found) {
      after = "";
      return false;
    }
    const { chain } = found;
    const { removed, more, fault } = await removeOld(chain, found.days, deps).catch((err: unknown) => {
      log.error({ err, chain }, "old records of the audit log could not be removed");
      return { removed: 0, more: false, fault: undefined };
    });
    if (fault !== undefined) {
      log.error({ chain, fault }, "old records of the audit log stay: it is not as it was written; see claw audit verify");
    } else if (removed > 0) {
      log.info({ chain, removed }, "old records of the audit log were removed");
    }
    if (!more) {
      after = chain;
    }
    return true;
  };
  return startLoop("audit-keeper", IDLE_MS, turn, log);
}
