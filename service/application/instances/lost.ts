import { requestReconcile } from "../../domain/instances/instance.ts";
import { rulesAt } from "../../domain/runtimes/runtimes.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import { everyOf } from "../resources/pages.ts";
import { invalid } from "../resources/refusals.ts";

/** Whether nothing can be ended on a cluster: it does not answer, or is not known any more. One that was not asked yet is not lost. */
export async function isLost(tx: PlatformTransaction, cluster: string): Promise<boolean> {
  if (rulesAt(cluster).isBesideControlPlane) {
    return false;
  }
  const known = await tx.clusters.find(cluster);
  return known === undefined || known.state.reachable === false;
}

/** @throws {ClawError} `request.invalid` for a cluster whose instances can be ended */
export async function assertLost(tx: PlatformTransaction, cluster: string): Promise<void> {
  if (!(await isLost(tx, cluster))) {
    throw invalid("forget", `'${cluster}' is not known to be out of reach, so what is there can be ended`, "leave 'forget' out");
  }
}

/** Lets go of everything on a cluster: what is on it is destroyed, what was moved away from it begins where it goes to. */
export async function forgetAllOn(tx: PlatformTransaction, cluster: string, now: string): Promise<void> {
  for await (const { tenantId, instance: name } of everyOf((page) => tx.clusters.users(cluster, page))) {
    const { instances } = await tx.enter(tenantId);
    const instance = await instances.get(name);
    const deletedAt = instance.movedFrom === cluster ? instance.deletedAt : (instance.deletedAt ?? now);
    const next = { ...requestReconcile(instance), forget: true, deletedAt, updatedAt: now, resourceVersion: instance.resourceVersion + 1 };
    await instances.update(next, instance.resourceVersion);
  }
}
