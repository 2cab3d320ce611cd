import type { Logger } from "pino";
import { recordInspection } from "../application/clusters/report-cluster.ts";
import { type ClusterConnection, ClusterError } from "../application/ports/clusters/clusters.ts";
import type { Runtimes } from "../application/ports/runtimes/runtime.ts";
import type { Transactions } from "../application/ports/transactions.ts";
import type { Cluster, Inspection } from "../domain/clusters/cluster.ts";
import { type ClusterPart, forEachCluster } from "./cluster-keeper.ts";
import { startLoop } from "./loop.ts";

const PERIOD_MS = 10_000;

export interface ClusterMonitorDependencies {
  readonly transactions: Transactions;
  readonly runtimes: Runtimes;
  readonly clock: () => Date;
  readonly log: Logger;
  /** Tells the reconciler that there may be work again. */
  readonly wake: () => void;
}

/** Asks each cluster how it is. One that does not answer is asked once more before it counts as unreachable. */
export function createClusterMonitor(deps: ClusterMonitorDependencies): ClusterPart {
  return forEachCluster(
    deps.runtimes,
    () => true,
    ({ id, resourceVersion }, connection) =>
      startLoop(
        "cluster-monitor",
        PERIOD_MS,
        async () => {
          const cluster = await deps.transactions.platform((tx) => tx.clusters.find(id));
          // One that was written anew may have another address: it gets another connection.
          if (cluster?.resourceVersion === resourceVersion) {
            await monitor(cluster, connection, deps);
          }
          return false;
        },
        deps.log,
      ),
  );
}

async function monitor(cluster: Cluster, connection: ClusterConnection, deps: ClusterMonitorDependencies): Promise<void> {
  let inspection = await inspect(connection);
  if (!inspection.ok && cluster.state.reachable) {
    inspection = await inspect(connection);
  }
  if (await recordInspection(cluster, inspection, deps.clock().toISOString(), deps)) {
    deps.log.info(
      { cluster: cluster.name, reachable: inspection.ok, reason: inspection.ok ? undefined : inspection.reason },
      "a cluster's reach changed",
    );
    deps.wake();
  }
}

async function inspect(connection: ClusterConnection): Promise<Inspection> {
  try {
    return { ok: true, ...(await connection.inspect()) };
  } catch (error) {
    if (error instanceof ClusterError) {
      return { ok: false, reason: error.reason, message: error.message };
    }
    throw error;
  }
}
