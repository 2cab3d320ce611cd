import type { Tenant } from "../../domain/tenancy/tenant.ts";
import { type ResolveDependencies, resolveInstances } from "../instances/resolve-instance.ts";
import type { PlatformTransaction, TenantTransaction } from "../ports/transactions.ts";
import { everyOf } from "../resources/pages.ts";

/**
 * Makes what a tenant's instances share due in each cluster where it has some: one of them becomes due, and every operation sees to what
 * they share first. One that can't be resolved would bring no operation about. Answers the clusters.
 */
export async function reviseBoundaries(tx: PlatformTransaction, tenant: Tenant, deps: ResolveDependencies): Promise<string[]> {
  const revised: string[] = [];
  const scope = await tx.enter(tenant.id);
  for await (const { name } of everyOf((page) => tx.clusters.list(page))) {
    const instance = await resolvableOn(name, tx, scope, tenant, deps);
    if (instance) {
      await scope.instances.requestReconcile([instance.id]);
      revised.push(name);
    }
  }
  return revised;
}

async function resolvableOn(cluster: string, tx: PlatformTransaction, scope: TenantTransaction, tenant: Tenant, deps: ResolveDependencies) {
  for await (const instance of everyOf((page) => scope.instances.listUsing({ cluster }, page))) {
    const stays = instance.cluster === cluster && instance.movedFrom === undefined && instance.deletedAt === undefined;
    const [resolution] = stays ? await resolveInstances(tx, scope, tenant.name, [instance], deps) : [];
    if (resolution?.resolved) {
      return instance;
    }
  }
  return undefined;
}
