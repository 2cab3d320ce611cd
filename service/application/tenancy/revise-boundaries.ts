import type { Tenant } from "../../domain/tenancy/tenant.ts";
import { type ResolveDependencies, resolveInstances } from "../instances/resolve-instance.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";

/**
 * Makes what a tenant's instances share due in each cluster where it has some: one of them becomes due, and every operation sees to what
 * they share first. One that can't be resolved would bring no operation about. Answers the clusters.
 */
export async function reviseBoundaries(tx: PlatformTransaction, tenant: Tenant, deps: ResolveDependencies): Promise<string[]> {
  const revised: string[] = [];
  const clusters = await tx.clusters.all();
  const scope = await tx.enter(tenant.id);
  for (const { name } of clusters) {
    for (const instance of await scope.instances.listByCluster(name)) {
      const stays = instance.cluster === name && instance.movedFrom === undefined && instance.deletedAt === undefined;
      const [resolution] = stays ? await resolveInstances(scope, tenant.name, [instance], deps) : [];
      if (resolution?.resolved) {
        await scope.instances.requestReconcile([instance.id]);
        revised.push(name);
        break;
      }
    }
  }
  return revised;
}
