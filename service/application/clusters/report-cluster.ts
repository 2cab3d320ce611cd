import { newId } from "../../../sdk/contract/index.ts";
import { afterInspection, type Cluster, type Inspection, reachCondition } from "../../domain/clusters/cluster.ts";
import { digestOf } from "../../domain/digest.ts";
import { afterReach } from "../../domain/instances/phase.ts";
import { SHARED_TENANT } from "../../domain/tenancy/tenant.ts";
import { recordStates } from "../instances/report-status.ts";
import type { Transactions } from "../ports/transactions.ts";
import { everyOf } from "../resources/pages.ts";

/**
 * Writes what asking a cluster came to, unless it was written anew since: it may have another address or credentials now. When it can't be
 * reached any more, or again, that is an event, and a condition of every instance on it. @param asked the cluster as it was then
 * @returns whether its reach changed
 */
export async function recordInspection(
  asked: Cluster,
  inspection: Inspection,
  now: string,
  { transactions }: { readonly transactions: Transactions },
): Promise<boolean> {
  return transactions.platform(async (tx) => {
    let before: Cluster | undefined;
    let after: Cluster | undefined;
    const known = await tx.clusters.find(asked.id);
    if (known?.resourceVersion !== asked.resourceVersion || digestOf(afterInspection(known, inspection, now)) === digestOf(known.state)) {
      return false;
    }
    const { name } = known;
    await tx.clusters.updateState(name, (cluster) => {
      if (cluster.resourceVersion !== asked.resourceVersion) {
        return cluster.state;
      }
      before = cluster;
      after = { ...cluster, state: afterInspection(cluster, inspection, now) };
      return after.state;
    });
    if (!before || !after || before.state.reachable === after.state.reachable) {
      return false;
    }
    const shared = await tx.enter((await tx.tenants.get(SHARED_TENANT)).id);
    const event = { id: newId("evt"), time: now } as const;
    const data = { uid: after.id, name };
    await shared.publish(
      inspection.ok
        ? { ...event, event: "cluster.reachable", data }
        : { ...event, event: "cluster.unreachable", data: { ...data, reason: inspection.reason } },
    );
    const condition = reachCondition(name, after.state);
    for await (const { tenantId, instance } of everyOf((page) => tx.clusters.users(name, page))) {
      const scope = await tx.enter(tenantId);
      const { id } = await scope.instances.get(instance);
      await recordStates(scope, [id], (current) => afterReach(current, condition, now), now);
    }
    return true;
  });
}
