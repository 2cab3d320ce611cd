import { ClawError, type Drift, type InstanceId } from "../../../sdk/contract/index.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import type { Tenant } from "../../domain/tenancy/tenant.ts";
import type { ApplicationDependencies } from "../dependencies.ts";
import { adoptDrift } from "../drift/adopt-drift.ts";
import { isUnderWay, recordDrift } from "../drift/record-drift.ts";
import type { ScannedResource, StackFailure } from "../ports/stacks/stack-operations.ts";
import { stackTarget } from "./stack-target.ts";

/** Instances that one operation reads: in a large stack, what is due gets its turn between two of them. */
const BATCH = 50;

export interface Refreshed {
  /** How many resources were read. */
  readonly resources: number;
  /** What is not as declared, of all instances that were read. */
  readonly drift: readonly (Drift & { readonly instance: string })[];
  /** Instances that an operation is due for: it will see what there is itself. */
  readonly skipped: readonly string[];
}

/**
 * Reads what there is of a tenant's instances on a cluster, or on the control plane's host, and records how it differs from what their
 * stack holds: what no watch sees. @throws {ClawError} `engine.failed` when a part could not be read; the rest is recorded
 */
export async function refreshStack(tenant: Tenant, cluster: string, deps: ApplicationDependencies): Promise<Refreshed> {
  const { target, all } = await deps.transactions.platform(async (tx) => {
    const known = await stackTarget(tx, tenant, cluster, deps);
    return { target: known, all: await (await tx.enter(tenant.id)).instances.listByCluster(cluster) };
  });
  const wanted = all.filter((instance) => !isUnderWay(instance));
  const skipped = all.filter(isUnderWay).map(({ name }) => name);
  const urns = new Set<string>();
  const failures: StackFailure[] = [];
  for (let start = 0; start < wanted.length; start += BATCH) {
    const batch = wanted.slice(start, start + BATCH);
    const scan = await deps.stacks.scan({
      tenantId: tenant.id,
      spec: { tenant: tenant.name, target, instances: [] },
      instances: batch.map(({ name, projectName }) => ({ name, project: projectName })),
    });
    failures.push(...scan.failures);
    for (const { urn } of scan.resources) {
      urns.add(urn);
    }
    skipped.push(...(await record(tenant, cluster, { all, batch, resources: scan.resources }, deps)));
  }
  if (failures.length > 0) {
    const [first] = failures;
    throw new ClawError("engine.failed", `${failures.length} resources could not be read, one of them ${first?.urn}: ${first?.message}`);
  }
  const names = new Set(wanted.map(({ name }) => name).filter((name) => !skipped.includes(name)));
  const now = await deps.transactions.tenant(tenant.id, (tx) => tx.instances.listByCluster(cluster));
  const drift = now
    .filter(({ name }) => names.has(name))
    .flatMap(({ name, status }) => status.drift.map((found) => ({ instance: name, ...found })));
  return { resources: urns.size, drift, skipped };
}

interface Read {
  readonly all: readonly Instance[];
  readonly batch: readonly Instance[];
  readonly resources: readonly ScannedResource[];
}

/** @returns the names of instances that were changed meanwhile: what was read of them may be older than the change */
async function record(tenant: Tenant, cluster: string, { all, batch, resources }: Read, deps: ApplicationDependencies): Promise<string[]> {
  const now = deps.clock().toISOString();
  const skipped: string[] = [];
  const follows = await deps.transactions.tenant(tenant.id, async (tx) => {
    const current = new Map((await tx.instances.listByCluster(cluster)).map((instance) => [instance.id, instance]));
    const isSame = ({ id, generation }: Instance) => {
      const instance = current.get(id);
      return instance?.generation === generation && !isUnderWay(instance);
    };
    // Every operation sees to what instances share.
    const sharedIsSame = all.every((instance) => isUnderWay(instance) || isSame(instance));
    const next = new Map<InstanceId, "repair" | "adopt">();
    for (const { id, name } of batch) {
      const instance = current.get(id);
      if (!instance || !batch.some((read) => read.id === id && isSame(read))) {
        skipped.push(name);
        continue;
      }
      const known = new Set(instance.status.drift.map(({ urn }) => urn));
      for (const resource of resources) {
        const isOwn = resource.instance === name || (resource.instance === undefined && sharedIsSame);
        if (isOwn && (resource.deviation || known.has(resource.urn))) {
          const follow = await recordDrift(tx, instance, resource, resource.deviation, now);
          if (follow) {
            next.set(id, follow);
          }
        }
      }
    }
    return next;
  });
  if (follows.size > 0) {
    deps.wake();
  }
  for (const [id, follow] of follows) {
    if (follow === "adopt") {
      await adoptDrift(tenant, id, deps);
    }
  }
  return skipped;
}
