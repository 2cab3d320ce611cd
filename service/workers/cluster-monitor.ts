import type { Logger } from "pino";
import { recordInspection } from "../application/clusters/report-cluster.ts";
import { ClusterError, type Clusters } from "../application/ports/clusters/clusters.ts";
import type { SecretCipher } from "../application/ports/secrets/secret-cipher.ts";
import type { Transactions } from "../application/ports/transactions.ts";
import { kubernetesAccess } from "../application/runtimes/kubernetes/kubernetes-target.ts";
import type { Cluster, Inspection } from "../domain/clusters/cluster.ts";
import { type ClusterPart, forEachCluster } from "./cluster-keeper.ts";
import { startLoop } from "./loop.ts";

const PERIOD_MS = 10_000;

export interface ClusterMonitorDependencies {
  readonly transactions: Transactions;
  readonly clusters: Clusters;
  readonly cipher: SecretCipher;
  readonly clock: () => Date;
  readonly log: Logger;
  /** Tells the reconciler that there may be work again. */
  readonly wake: () => void;
}

/** Asks each cluster how it is. One that does not answer is asked once more before it counts as unreachable. */
export function createClusterMonitor(deps: ClusterMonitorDependencies): ClusterPart {
  return forEachCluster(
    () => true,
    ({ id }) =>
      startLoop(
        "cluster-monitor",
        PERIOD_MS,
        async () => {
          const cluster = await deps.transactions.platform((tx) => tx.clusters.find(id));
          if (cluster) {
            await monitor(cluster, deps);
          }
          return false;
        },
        deps.log,
      ),
  );
}
async function monitor(cluster: Cluster, deps: ClusterMonitorDependencies): Promise<void> {
  let inspection = await inspect(cluster, deps);
  if (!inspection.ok && cluster.state.reachable) {
    inspection = await inspect(cluster, deps);
  }
  if (await recordInspection(cluster, inspection, deps.clock().toISOString(), deps)) {
    deps.log.info(
      { cluster: cluster.name, reachable: inspection.ok, reason: inspection.ok ? undefined : inspection.reason },
      "a cluster's reach changed",
    );
    deps.wake();
  }
}

async function inspect(cluster: Cluster, { clusters, cipher }: ClusterMonitorDependencies): Promise<Inspection> {
  try {
    return { ok: true, ...(await clusters.inspect(kubernetesAccess(cluster, cipher))) };
  } catch (error) {
    if (error instanceof ClusterError) {
      return { ok: false, reason: error.reason, message: error.message };
    }
    throw error;
  }
}
