import type { InstanceId, TenantId } from "../../sdk/contract/index.ts";
import type { ClusterListener } from "../application/ports/clusters.ts";
import { createReports } from "../application/report-status.ts";
import { kubernetesAccess } from "../application/stack-target.ts";
import type { Cluster } from "../domain/clusters/cluster.ts";
import { type ClusterPart, forEachCluster } from "./cluster-keeper.ts";
import { createDriftWatcher, type DriftWatcherDependencies } from "./drift-watcher.ts";

/** Watches every cluster that is reachable: writes what it sees of instances' pods, and has looked into what others did to the rest. */
export function createClusterWatcher(deps: DriftWatcherDependencies): ClusterPart {
  return forEachCluster(
    ({ state }) => state.reachable === true,
    (cluster) => {
      const drift = createDriftWatcher(cluster, deps);
      const listener = { ...createListener(cluster, deps), object: drift.object };
      const watch = deps.clusters.observe(kubernetesAccess(cluster, deps.cipher), listener);
      return {
        async stop() {
          watch.stop();
          drift.stop();
        },
      };
    },
  );
}

/** Writes reports one after another per instance; of those that come meanwhile only the newest counts. */
function createListener(cluster: Cluster, deps: DriftWatcherDependencies): Omit<ClusterListener, "object"> {
  const reports = createReports(deps);
  const tenants = new Map<string, TenantId>();
  const latest = new Map<string, Parameters<ClusterListener["pod"]>[1]>();
  const busy = new Set<string>();
  const tenantOf = async (uid: InstanceId): Promise<TenantId | undefined> => {
    const known = tenants.get(uid) ?? (await deps.transactions.platform((tx) => tx.work.findTenantOf(uid)));
    if (known) {
      tenants.set(uid, known);
    }
    return known;
  };
  const write = async (uid: string) => {
    if (busy.has(uid)) {
      return;
    }
    busy.add(uid);
    try {
      while (latest.has(uid)) {
        const pod = latest.get(uid);
        latest.delete(uid);
        const id = uid as InstanceId;
        const tenantId = await tenantOf(id);
        await (tenantId && reports.pod(tenantId, id, cluster.name, pod));
      }
    } catch (err) {
      deps.log.error({ err, uid, cluster: cluster.name }, "what was seen of a pod was not written");
    } finally {
      busy.delete(uid);
    }
  };
  return {
    pod(uid, pod) {
      latest.set(uid, pod);
      void write(uid);
    },
    async listed(uids) {
      const users = await deps.transactions.platform((tx) => tx.clusters.users(cluster.name));
      for (const { tenantId, instance } of users) {
        const found = await deps.transactions.tenant(tenantId, (tx) => tx.instances.find(instance));
        if (found?.status.pod && !uids.has(found.id)) {
          this.pod(found.id, undefined);
        }
      }
    },
  };
}
