import {
  type BoundaryChange,
  ClawError,
  type ResolvedInstance,
  type ResourceChange,
  type StackTarget,
  type TenantId,
} from "../../../sdk/contract/index.ts";
import type { Runtimes } from "../ports/runtimes/runtime.ts";
import type { StackOperations } from "../ports/stacks/stack-operations.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import type { Written } from "../resources/kind.ts";
import type { Affected } from "./affected.ts";

/** One stack that changes touch, with what is to become of the instances that it has or gets. */
export interface TouchedStack {
  readonly tenantId: TenantId;
  readonly tenant: string;
  readonly cluster: string;
  readonly target: StackTarget;
  readonly reachable: boolean;
  /** None when only what they share changes. */
  readonly instances: { readonly name: string; readonly project: string; readonly resolved: ResolvedInstance | undefined }[];
}

/** The stacks that changes touch, as they are inside the transaction that made them. An instance that moves touches two. */
export async function touchedStacks(
  tx: PlatformTransaction,
  { affected, written }: { readonly affected: readonly Affected[]; readonly written: readonly Written[] },
  runtimes: Runtimes,
): Promise<TouchedStack[]> {
  const stacks = new Map<string, TouchedStack>();
  const touch = async (tenantId: TenantId, tenant: string, cluster: string): Promise<TouchedStack> => {
    const key = `${tenant}/${cluster}`;
    const stack = stacks.get(key) ?? {
      tenantId,
      tenant,
      cluster,
      target: await runtimes.at(cluster).target(tx, await tx.tenants.get(tenantId), cluster),
      reachable: (await tx.clusters.find(cluster))?.state.reachable !== false,
      instances: [],
    };
    stacks.set(key, stack);
    return stack;
  };
  for (const { tenantId, tenant, name, before, after, forgottenAt } of affected) {
    const instance = after?.instance ?? before?.instance;
    if (!instance || (after && !after.isResolved)) {
      // What can't be resolved stays as it is.
      continue;
    }
    const left = instance.movedFrom === undefined ? [] : [{ cluster: instance.movedFrom, resolved: undefined }];
    for (const { cluster, resolved } of [...left, { cluster: instance.cluster, resolved: after?.resolved }]) {
      if (cluster === forgottenAt) {
        continue;
      }
      const stack = await touch(tenantId, tenant, cluster);
      stack.instances.push({ name, project: instance.projectName, resolved });
    }
  }
  for (const { tenantId, tenant, boundaries = [] } of written) {
    for (const cluster of boundaries) {
      await touch(tenantId, tenant, cluster);
    }
  }
  return [...stacks.values()];
}

/** What the engine says of stacks. */
export interface StackChanges {
  /** By `tenant/instance`. */
  readonly byInstance: ReadonlyMap<string, readonly ResourceChange[]>;
  /** Those instances, in the same form, whose claw ends and another one starts. */
  readonly exchanged: ReadonlySet<string>;
  readonly boundaries: readonly BoundaryChange[];
}

/**
 * Engine previews of all stacks, beside one another. A stack of a cluster that can't be reached is left out: what it has now is not
 * known. @throws {ClawError} `engine.failed`
 */
export async function previewStacks(
  touched: readonly TouchedStack[],
  { stacks, runtimes }: { readonly stacks: Pick<StackOperations, "preview">; readonly runtimes: Runtimes },
): Promise<StackChanges> {
  const byInstance = new Map<string, ResourceChange[]>();
  const exchanged = new Set<string>();
  const boundaries: BoundaryChange[] = [];
  const results = await Promise.all(
    touched
      .filter(({ reachable }) => reachable)
      .map(async ({ tenantId, tenant, cluster, target, instances }) => ({
        tenant,
        cluster,
        result: await stacks.preview({
          tenantId,
          spec: { tenant, target, instances: instances.flatMap(({ resolved }) => resolved ?? []) },
          instances: instances.map(({ name, project }) => ({ name, project })),
        }),
      })),
  );
  for (const { tenant, cluster, result } of results) {
    const shared = result.changes.filter(({ instance }) => instance === undefined);
    if (shared.length > 0) {
      boundaries.push({ tenant, cluster, resources: shared });
    }
    for (const change of result.changes.filter(({ instance }) => instance !== undefined)) {
      const key = `${tenant}/${change.instance}`;
      if (runtimes.at(cluster).exchangesClaw(change)) {
        exchanged.add(key);
      }
      const known = byInstance.get(key);
      if (known) {
        known.push(change);
      } else {
        byInstance.set(key, [change]);
      }
    }
    const failure = result.failures[0];
    if (failure) {
      throw new ClawError("engine.failed", `the preview failed at ${failure.urn}: ${failure.message}`);
    }
  }
  return { byInstance, exchanged, boundaries };
}
