import type { InstanceId, TenantId } from "../../../sdk/contract/index.ts";
import type { AgentReport } from "../../domain/instances/instance.ts";
import type { Transactions } from "../ports/transactions.ts";
import { createReports } from "./report-status.ts";

/** Takes what agents tell of their instances, whose tenants they don't name. What is of an instance that is gone is dropped. */
export interface AgentReports {
  status(uid: InstanceId, report: AgentReport): Promise<void>;
  /** Its agent's connection was lost, which began at that time by the database's clock. */
  disconnected(uid: InstanceId, connectedAt?: string): Promise<void>;
}

export function createAgentReports(deps: { readonly transactions: Transactions; readonly clock: () => Date }): AgentReports {
  const reports = createReports(deps);
  const inItsTenant = async (uid: InstanceId, write: (tenantId: TenantId) => Promise<void>) => {
    const tenantId = await deps.transactions.platform((tx) => tx.work.findTenantOf(uid));
    await (tenantId && write(tenantId));
  };
  return {
    status: (uid, report) => inItsTenant(uid, (tenantId) => reports.status(tenantId, uid, report)),
    disconnected: (uid, connectedAt) => inItsTenant(uid, (tenantId) => reports.disconnected(tenantId, uid, connectedAt)),
  };
}
