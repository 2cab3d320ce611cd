import { ClawError, type ResolvedInstance, type ResourceChange, type StackTarget, type TenantId } from "../../sdk/contract/index.ts";
import type { Affected } from "./changes.ts";
import type { StackOperations } from "./ports/operations.ts";
import type { PlatformTransaction } from "./ports/transactions.ts";
import { stackTarget, type TargetDependencies } from "./stack-target.ts";

/** One stack that changes touch, with what is to become of the instances that it has or gets. */
export interface TouchedStack {
  readonly tenantId: TenantId;
  readonly tenant: string;
  readonly cluster: string;
  readonly target: StackTarget;
  readonly reachable: boolean;
  readonly instances: { readonly name: string; readonly project: string; readonly resolved: ResolvedInstance | undefined }[];
}

/** The stacks that changes touch, as they are inside the transaction that made them. An instance that moves touches two. */
export async function touchedStacks(
  tx: PlatformTransaction,
  affected: readonly Affected[],
  deps: TargetDependencies,
): Promise<TouchedStack[]> {
  const stacks = new Map<string, TouchedStack>();
  for (const { tenantId, tenant, name, before, after } of affected) {
    const instance = after?.instance ?? before?.instance;
    if (!instance || (after && !after.resolved)) {
      // What can't be resolved stays as it is.
      continue;
    }
    const left = instance.movedFrom === undefined ? [] : [{ cluster: instance.movedFrom, resolved: undefined }];
    for (const { cluster, resolved } of [...left, { cluster: instance.cluster, resolved: after?.resolved }]) {
      const key = `${tenant}/${cluster}`;
      const stack = stacks.get(key) ?? {
        tenantId,
        tenant,
        cluster,
        target: await stackTarget(tx, await tx.tenants.get(tenantId), cluster, deps),
        reachable: (await tx.clusters.find(cluster))?.state.reachable !== false,
        instances: [],
      };
      stacks.set(key, stack);
      stack.instances.push({ name, project: instance.projectName, resolved });
    }
  }
  return [...stacks.values()];
}

/**
 * Engine previews of all stacks, beside one another; what changes by `tenant/instance`. A stack of a cluster that can't be reached is
 * left out: what it has now is not known. @throws {ClawError} `engine.failed`
 */
export async function previewStacks(
  touched: readonly TouchedStack[],
  stacks: Pick<StackOperations, "preview">,
): Promise<Map<string, ResourceChange[]>> {
  const byInstance = new Map<string, ResourceChange[]>();
  const results = await Promise.all(
    touched
      .filter(({ reachable }) => reachable)
      .map(async ({ tenantId, tenant, target, instances }) => ({
        tenant,
        result: await stacks.preview({
          tenantId,
          spec: { tenant, target, instances: instances.flatMap(({ resolved }) => resolved ?? []) },
          instances: instances.map(({ name, project }) => ({ name, project })),
        }),
      })),
  );
  for (const { tenant, result } of results) {
    for (const change of result.changes) {
      const key = `${tenant}/${change.instance ?? ""}`;
      byInstance.set(key, [...(byInstance.get(key) ?? []), change]);
    }
    const failure = result.failures[0];
    if (failure) {
      throw new ClawError("engine.failed", `the preview failed at ${failure.urn}: ${failure.message}`);
    }
  }
  return byInstance;
}
