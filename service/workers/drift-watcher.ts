import type { Logger } from "pino";
import type { ApplicationDependencies } from "../application/dependencies.ts";
import { adoptDrift } from "../application/drift/adopt-drift.ts";
import { type DriftDependencies, instancesOf, isUnderWay, recordDrift } from "../application/drift/record-drift.ts";
import type { ClusterConnection, DeclaredResource, SeenObject } from "../application/ports/clusters/clusters.ts";
import type { Cluster } from "../domain/clusters/cluster.ts";
import type { InstanceMark } from "../domain/instances/instance.ts";
import type { Tenant } from "../domain/tenancy/tenant.ts";

/** An edit often comes as several changes. */
const SETTLE_MS = 200;
/** How soon to look again at what an operation under way may have done itself. */
const AGAIN_MS = 1_000;

export interface DriftWatcherDependencies extends DriftDependencies, ApplicationDependencies {
  readonly log: Logger;
}

/**
 * Looks into objects of one cluster that somebody else has written or deleted: compares what there is with what the stack holds. What is
 * told while an operation on the instance is due waits until that is over.
 */
export function createDriftWatcher(cluster: Cluster, connection: ClusterConnection, deps: DriftWatcherDependencies) {
  const pending = new Map<string, SeenObject>();
  const drifted = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const failed = (err: unknown): false => {
    deps.log.warn({ err, cluster: cluster.name }, "looking for drift failed; it is tried again");
    return false;
  };

  const schedule = (delayMs: number) => {
    if (!stopped) {
      timer ??= setTimeout(async () => {
        await look().catch(failed);
        timer = undefined;
        if (pending.size > 0) {
          schedule(AGAIN_MS);
        }
      }, delayMs).unref();
    }
  };

  const look = async () => {
    for (const [name, objects] of Map.groupBy([...pending.values()], ({ tenant }) => tenant)) {
      const tenant = await deps.transactions.platform((tx) => tx.tenants.find(name));
      // Before what the stack holds: of an instance that is settled, and is the same when drift is written, it holds what was made.
      const instances = await (tenant &&
        deps.transactions.tenant(tenant.id, (tx) => Promise.all(objects.map((seen) => instancesOf(tx, cluster.name, seen)))));
      const resources = tenant ? await deps.declared(tenant.id, tenant.name, cluster.name) : [];
      for (const [index, seen] of objects.entries()) {
        const isDone = !tenant || (await lookAt(tenant, seen, instances?.[index] ?? [], resources).catch(failed));
        // What was told of it meanwhile is looked at in its turn.
        if (isDone && pending.get(keyOf(seen)) === seen) {
          pending.delete(keyOf(seen));
        }
      }
    }
  };

  /** @returns whether it was: what an operation under way, or one since the instances were read, may have done itself is left */
  const lookAt = async (
    tenant: Tenant,
    seen: SeenObject,
    instances: readonly InstanceMark[],
    resources: readonly DeclaredResource[],
  ): Promise<boolean> => {
    if (stopped || instances.some(isUnderWay)) {
      return false;
    }
    const compared = await connection.compare(seen, resources);
    if (!compared) {
      return true;
    }
    const { resource, deviation } = compared;
    const now = deps.clock().toISOString();
    let isDone = true;
    for (const instance of instances) {
      const follow = await deps.transactions.tenant(tenant.id, async (tx) => {
        const current = await tx.instances.find(instance.id);
        const isSame = current?.generation === instance.generation && !isUnderWay(current);
        return isSame ? recordDrift(tx, current, resource, deviation, now) : "changed";
      });
      if (follow === "repair") {
        deps.wake();
      } else if (follow === "adopt") {
        await adoptDrift(tenant, instance.id, deps);
      }
      isDone &&= follow !== "changed";
    }
    drifted[deviation ? "add" : "delete"](keyOf(seen));
    return isDone;
  };

  return {
    /** Of everything that is declared: whoever wrote it. */
    object(seen: SeenObject): void {
      const key = keyOf(seen);
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

function keyOf({ kind, namespace = "", name }: SeenObject): string {
  return `${kind}/${namespace}/${name}`;
}
