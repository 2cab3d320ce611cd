import type { Logger } from "pino";
import { adoptDrift } from "../application/adopt-drift.ts";
import type { ApplicationDependencies } from "../application/dependencies.ts";
import type { Clusters, SeenObject } from "../application/ports/clusters.ts";
import { type DriftDependencies, declaredAs, instancesOf, isUnderWay, recordDrift } from "../application/record-drift.ts";
import { kubernetesAccess } from "../application/stack-target.ts";
import type { Cluster } from "../domain/clusters/cluster.ts";

/** An edit often comes as several changes. */
const SETTLE_MS = 200;
/** How soon to look again at what an operation under way may have done itself. */
const AGAIN_MS = 1_000;

export interface DriftWatcherDependencies extends DriftDependencies, ApplicationDependencies {
  readonly clusters: Clusters;
  readonly log: Logger;
}

/**
 * Looks into objects of one cluster that somebody else has written or deleted: compares what there is with what the stack holds. What is
 * told while an operation on the instance is due waits until that is over.
 */
export function createDriftWatcher(cluster: Cluster, deps: DriftWatcherDependencies) {
  const pending = new Map<string, SeenObject>();
  const drifted = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const schedule = (delayMs: number) => {
    if (!stopped) {
      timer ??= setTimeout(async () => {
        await look().catch((err: unknown) => deps.log.warn({ err, cluster: cluster.name }, "looking for drift failed; it is tried again"));
        timer = undefined;
        if (pending.size > 0) {
          schedule(AGAIN_MS);
        }
      }, delayMs).unref();
    }
  };

  const look = async () => {
    for (const [tenantName, objects] of Map.groupBy([...pending.entries()], ([, seen]) => seen.tenant)) {
      const tenant = await deps.transactions.platform((tx) => tx.tenants.find(tenantName));
      const resources = tenant ? await deps.declared(tenant.id, tenant.name, cluster.name) : [];
      for (const [key, seen] of objects) {
        const resource = declaredAs(resources, seen);
        const instances = tenant ? await deps.transactions.tenant(tenant.id, (tx) => instancesOf(tx, cluster.name, seen)) : [];
        if (instances.some(isUnderWay)) {
          continue;
        }
        if (resource && tenant) {
          const deviation = await deps.clusters.compare(kubernetesAccess(cluster, deps.cipher), seen, resource.inputs ?? {});
          const now = deps.clock().toISOString();
          for (const instance of instances) {
            const follow = await deps.transactions.tenant(tenant.id, (tx) => recordDrift(tx, instance, resource, deviation, now));
            if (follow === "repair") {
              deps.wake();
            } else if (follow === "adopt") {
              await adoptDrift(tenant, instance.id, deps);
            }
          }
          drifted[deviation ? "add" : "delete"](key);
        }
        // What was told of it meanwhile is looked at in its turn.
        if (pending.get(key) === seen) {
          pending.delete(key);
        }
      }
    }
  };

  return {
    /** Of everything that is declared: whoever wrote it. */
    object(seen: SeenObject): void {
      const key = `${seen.kind}/${seen.namespace ?? ""}/${seen.name}`;
      if (seen.suspicious || drifted.has(key)) {
        pending.set(key, seen);
        schedule(SETTLE_MS);
      }
    },
    stop(): void {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
