import { setTimeout as delay } from "node:timers/promises";
import type { InstanceId, TenantId } from "../../sdk/contract/index.ts";
import { createPodReports } from "../application/instances/pod-reports.ts";
import type { ClusterListener } from "../application/ports/clusters/clusters.ts";
import { everyOf } from "../application/resources/pages.ts";
import type { Cluster } from "../domain/clusters/cluster.ts";
import { type ClusterPart, forEachCluster } from "./cluster-keeper.ts";
import { createDriftWatcher, type DriftWatcherDependencies } from "./drift-watcher.ts";

/** How soon what could not be written is tried again. */
const AGAIN_MS = 1_000;

/** Watches every cluster that is reachable: writes what it sees of instances' pods, and has looked into what others did to the rest. */
export function createClusterWatcher(deps: DriftWatcherDependencies): ClusterPart {
  return forEachCluster(
    deps.runtimes,
    ({ state }) => state.reachable === true,
    (cluster, connection) => {
      const drift = createDriftWatcher(cluster, connection, deps);
      const listener = createListener(cluster, deps);
      const watch = connection.observe({ pod: listener.pod, listed: listener.listed, object: drift.object });
      return {
        async stop() {
          watch.stop();
          drift.stop();
          await listener.stop();
        },
      };
    },
  );
}

/**
 * Writes reports one after another per instance; of those that come meanwhile only the newest counts. What is told is told once, so it is
 * written as soon as the database lets it.
 */
function createListener(cluster: Cluster, deps: DriftWatcherDependencies) {
  const reportPod = createPodReports(deps);
  const tenants = new Map<string, TenantId>();
  const latest = new Map<string, Parameters<ClusterListener["pod"]>[1]>();
  const writing = new Map<string, Promise<void>>();
  const stopping = new AbortController();
  /** Instances of which something was told by the last list or since. */
  let told = new Set<string>();
  let forgetting = Promise.resolve();
  const failed = async (err: unknown) => {
    deps.log.warn({ err, cluster: cluster.name }, "what was seen of pods was not written; it is tried again");
    await delay(AGAIN_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
  };
  const tenantOf = async (uid: InstanceId): Promise<TenantId | undefined> => {
    const known = tenants.get(uid) ?? (await deps.transactions.platform((tx) => tx.work.findTenantOf(uid)));
    if (known) {
      tenants.set(uid, known);
    }
    return known;
  };
  const write = async (uid: string) => {
    const id = uid as InstanceId;
    while (latest.has(uid) && !stopping.signal.aborted) {
      const report = latest.get(uid);
      try {
        const tenantId = await tenantOf(id);
        await (tenantId && reportPod(tenantId, id, cluster.name, report));
        if (latest.get(uid) === report) {
          latest.delete(uid);
        }
      } catch (err) {
        await failed(err);
      }
    }
    writing.delete(uid);
  };
  const pod: ClusterListener["pod"] = (uid, report) => {
    told.add(uid);
    latest.set(uid, report);
    if (!writing.has(uid)) {
      writing.set(uid, write(uid));
    }
  };
  const forgetTheRest = async () => {
    while (!stopping.signal.aborted) {
      try {
        const users = everyOf((page) => deps.transactions.platform((tx) => tx.clusters.users(cluster.name, page)));
        for await (const { tenantId, instance } of users) {
          const found = await deps.transactions.tenant(tenantId, (tx) => tx.instances.find(instance));
          // One that was told of since has its pod of after the list.
          if (found?.status.pod && !told.has(found.id)) {
            pod(found.id, undefined);
          }
        }
        return;
      } catch (err) {
        await failed(err);
      }
    }
  };
  return {
    pod,
    listed(uids: ReadonlySet<string>) {
      told = new Set(uids);
      forgetting = forgetting.then(forgetTheRest);
    },
    /** Lets what is being written end. */
    async stop() {
      stopping.abort();
      await forgetting;
      await Promise.all(writing.values());
    },
  };
}
