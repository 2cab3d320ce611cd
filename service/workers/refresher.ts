import type { Logger } from "pino";
import type { ApplicationDependencies } from "../application/dependencies.ts";
import { refreshStack } from "../application/stacks/refresh-stack.ts";
import { type Loop, startLoop } from "./loop.ts";

/** How often to look for stacks that are due, at most. */
const IDLE_MS = 15_000;

/**
 * Reads every stack once in a period: finds what changed where nothing is watched, or while nobody watched. One stack at a time in each
 * replica; a stack that is claimed is the next one's only after the period, so one whose replica died is read a period later.
 */
export function startRefresher(periodSeconds: number, deps: ApplicationDependencies & { readonly log: Logger }): Loop {
  return startLoop(
    "refresher",
    Math.min(IDLE_MS, (periodSeconds * 1000) / 4),
    async () => {
      const claimed = await deps.transactions.platform((tx) => tx.work.claimRefresh(periodSeconds));
      if (!claimed) {
        return false;
      }
      const { tenant, cluster } = claimed;
      try {
        const { summary } = await refreshStack(tenant, cluster, deps);
        if (summary.drift > 0) {
          deps.log.info({ tenantId: tenant.id, cluster, drifted: summary.drift }, "a stack is not as declared");
        }
      } catch (err) {
        deps.log.warn({ err, tenantId: tenant.id, cluster }, "refreshing a stack failed; it is tried again in its next period");
      }
      return true;
    },
    deps.log,
  );
}
