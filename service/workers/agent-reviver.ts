import type { Logger } from "pino";
import { type InstanceId, LOCAL_CLUSTER } from "../../sdk/contract/index.ts";
import { createReports } from "../application/instances/report-status.ts";
import type { HostAgents } from "../application/ports/instances/host-agents.ts";
import type { Transactions } from "../application/ports/transactions.ts";
import { type Loop, startLoop } from "./loop.ts";

const PERIOD_MS = 30_000;

export interface AgentReviverDependencies {
  readonly transactions: Transactions;
  readonly hostAgents: HostAgents;
  readonly clock: () => Date;
  readonly log: Logger;
}

/**
 * Starts the agents of this host that died, each of which adopts its claw, starts it or ends it, and tells those that run where the control
 * plane is now. Of a claw that was to be stopped nobody else tells that it is: it has no agent any more.
 */
export function startAgentReviver({ transactions, hostAgents, clock, log }: AgentReviverDependencies): Loop {
  const reports = createReports({ transactions, clock });
  return startLoop(
    "agent-reviver",
    PERIOD_MS,
    async () => {
      const { revived, failed, stopped } = await hostAgents.revive();
      if (revived.length + failed.length > 0) {
        log.warn({ revived, failed }, "agents that were not running were started");
      }
      const gone = stopped as readonly InstanceId[];
      for (const { tenantId, id } of await transactions.platform((tx) => tx.work.findStopping(LOCAL_CLUSTER, gone))) {
        await reports.stopped(tenantId, id);
      }
      return false;
    },
    log,
  );
}
