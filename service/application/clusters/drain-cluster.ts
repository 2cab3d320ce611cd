import { ClawError, clusterFacts, type Drain, newId } from "../../../sdk/contract/index.ts";
import type { Actor } from "../../domain/access/actor.ts";
import { entryOf } from "../../domain/audit/chain.ts";
import type { Cluster } from "../../domain/clusters/cluster.ts";
import { FirstOf } from "../../domain/first-of.ts";
import { SHARED_TENANT } from "../../domain/tenancy/tenant.ts";
import { moveInstance } from "../instances/place-instance.ts";
import type { ClawTypes } from "../ports/instances/claw-adapter.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import { assertAllowed, type ChangeDependencies, makeChanges, writeChanges } from "../resources/changes.ts";
import { everyOf } from "../resources/pages.ts";
import { presentCluster } from "./cluster-kind.ts";

const LIST_BYTES_MAX = 256_000;

interface DrainOptions {
  readonly actor: Actor;
  readonly now: string;
  /** Also moves instances whose data is deleted with them. */
  readonly discardData: boolean;
}

/**
 * Closes a cluster for new instances and sends away those that can go: there is no way yet to take data along, so an instance that has
 * any stays, unless it is to be given up with the instance (`deletionPolicy: delete`) and the caller says that it may be.
 */
export async function drainCluster(
  tx: PlatformTransaction,
  name: string,
  options: DrainOptions,
  deps: ChangeDependencies & { readonly types: ClawTypes },
): Promise<Drain> {
  const { actor, now, discardData } = options;
  await tx.clusters.lock([name]);
  const cluster = await tx.clusters.get(name);
  if (!cluster.spec.unschedulable) {
    await cordon(tx, cluster, options, deps);
  }
  const moved = new FirstOf<Drain["moved"][number]>(LIST_BYTES_MAX);
  const stays = new FirstOf<Drain["stays"][number]>(LIST_BYTES_MAX);
  for await (const { tenantId, tenant, instance: instanceName } of everyOf((page) => tx.clusters.users(name, page))) {
    const scope = await tx.enter(tenantId);
    const instance = await scope.instances.get(instanceName);
    const stay = (reason: string) => stays.add({ tenant, instance: instanceName, reason });
    const placement = instance.spec.placement ?? (await scope.tenants.get(tenantId)).spec.placement;
    if (instance.cluster !== name || instance.deletedAt !== undefined) {
      stay(instance.deletedAt === undefined ? `it is on its way to '${instance.cluster}'` : "it is being destroyed");
    } else if (placement?.selector === undefined) {
      stay("its placement names this cluster; name another, or a selector");
    } else if (instance.spec.deletionPolicy === "delete" && instance.status.observedGeneration > 0 && !discardData) {
      stay("its data would be deleted (deletionPolicy: delete); drain with --discard-data to move it without");
    } else {
      try {
        const { cluster: to, reason } = await moveInstance(tx, instance, await deps.types.find(instance.spec.type, scope), placement);
        const why = `its cluster is drained; ${reason}`;
        const move = { action: "move", kind: "ClawInstance", name: instanceName, tenant, from: name, to, reason: why } as const;
        await writeChanges(tx, [move], { now, actor, ids: {} }, deps);
        moved.add({ tenant, instance: instanceName, to });
      } catch (error) {
        if (!(error instanceof ClawError) || !error.code.startsWith("placement.")) {
          throw error;
        }
        stay(error.message);
      }
    }
  }
  tx.audit.append(
    entryOf({
      time: now,
      by: actor,
      action: "cluster.drain",
      resource: { kind: clusterFacts.kind, name, uid: cluster.id },
      details: { moved: String(moved.count), stays: String(stays.count), ...(discardData && { discardData: "true" }) },
    }),
  );
  return { cluster: name, summary: { moved: moved.count, stays: stays.count }, moved: moved.items, stays: stays.items };
}

/** The change that its manifest would make, and an event that says what it is for. */
async function cordon(tx: PlatformTransaction, cluster: Cluster, { actor, now }: DrainOptions, deps: ChangeDependencies): Promise<void> {
  const shown = presentCluster(cluster);
  const manifest = { ...shown, spec: { ...shown.spec, unschedulable: true } };
  const change = { action: "apply", manifest, tenant: SHARED_TENANT, expect: "present" } as const;
  assertAllowed(await makeChanges(tx, [change], { now, actor, ids: {} }, deps), deps);
  const shared = await tx.enter((await tx.tenants.get(SHARED_TENANT)).id);
  const data = { name: cluster.name, uid: cluster.id, actor: actor.subject };
  await shared.publish({ id: newId("evt"), event: "cluster.cordoned", time: now, data });
}
