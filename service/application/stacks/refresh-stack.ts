import type { z } from "zod";
import { ClawError, type Drift, type InstanceId, type StackRefreshedSchema } from "../../../sdk/contract/index.ts";
import { batchesOf } from "../../domain/batches.ts";
import { FirstOf } from "../../domain/first-of.ts";
import type { InstanceMark } from "../../domain/instances/instance.ts";
import type { Tenant } from "../../domain/tenancy/tenant.ts";
import type { ApplicationDependencies } from "../dependencies.ts";
import { adoptDrift } from "../drift/adopt-drift.ts";
import { isUnderWay, marksOn, recordDrift } from "../drift/record-drift.ts";
import type { ScannedResource } from "../ports/stacks/stack-operations.ts";

/** Instances that one operation reads: in a large stack, what is due gets its turn between two of them. */
const BATCH = 50;
const DRIFT_BYTES_MAX = 256_000;
const SKIPPED_BYTES_MAX = 64_000;

/**
 * Reads what there is of a tenant's instances on a cluster, or on the control plane's host, and records how it differs from what their
 * stack holds: what no watch sees. @throws {ClawError} `engine.failed` when a part could not be read; the rest is recorded
 */
export async function refreshStack(
  tenant: Tenant,
  cluster: string,
  deps: ApplicationDependencies,
): Promise<z.output<typeof StackRefreshedSchema>> {
  const { target, all } = await deps.transactions.platform(async (tx) => {
    const known = await deps.runtimes.at(cluster).target(tx, tenant, cluster);
    return { target: known, all: await marksOn(await tx.enter(tenant.id), cluster) };
  });
  const wanted = all.filter((instance) => !isUnderWay(instance));
  const drift = new FirstOf<Drift & { readonly instance: string }>(DRIFT_BYTES_MAX);
  const skipped = new FirstOf<string>(SKIPPED_BYTES_MAX);
  for (const { name } of all.filter(isUnderWay)) {
    skipped.add(name);
  }
  let resources = 0;
  const shared = new Set<string>();
  let failures = 0;
  let failed = "";
  for (const batch of batchesOf(wanted, BATCH)) {
    const scan = await deps.stacks.scan({
      tenantId: tenant.id,
      spec: { tenant: tenant.name, target, instances: [] },
      instances: batch.map(({ name, projectName }) => ({ name, project: projectName })),
    });
    failures += scan.failures.length;
    failed ||= scan.failures.map(({ urn, message }) => `${urn}: ${message}`)[0] ?? "";
    for (const { urn, instance } of scan.resources) {
      if (instance === undefined) {
        shared.add(urn);
      } else {
        resources++;
      }
    }
    const left = new Set(await record(tenant, cluster, { all, batch, resources: scan.resources }, deps));
    const names = batch.map(({ name }) => name).filter((name) => !left.has(name));
    const now = await deps.transactions.tenant(tenant.id, (tx) => tx.instances.findAll(names));
    for (const { name, status } of now.toSorted((a, b) => names.indexOf(a.name) - names.indexOf(b.name))) {
      for (const found of status.drift) {
        drift.add({ instance: name, ...found });
      }
    }
    for (const name of left) {
      skipped.add(name);
    }
  }
  if (failures > 0) {
    throw new ClawError("engine.failed", `${failures} resources could not be read, one of them ${failed}`);
  }
  return {
    resources: resources + shared.size,
    summary: { drift: drift.count, skipped: skipped.count },
    drift: drift.items,
    skipped: skipped.items,
  };
}

interface Read {
  readonly all: readonly InstanceMark[];
  readonly batch: readonly InstanceMark[];
  readonly resources: readonly ScannedResource[];
}

/** @returns the names of instances that were changed meanwhile: what was read of them may be older than the change */
async function record(tenant: Tenant, cluster: string, { all, batch, resources }: Read, deps: ApplicationDependencies): Promise<string[]> {
  const now = deps.clock().toISOString();
  const skipped: string[] = [];
  const follows = await deps.transactions.tenant(tenant.id, async (tx) => {
    const current = new Map((await tx.instances.findAll(batch.map(({ name }) => name))).map((instance) => [instance.id, instance]));
    const known = new Set([...current.values()].flatMap(({ status }) => status.drift.map(({ urn }) => urn)));
    const told = resources.filter(({ deviation, urn }) => deviation || known.has(urn));
    // Every operation sees to what instances share: to any instance.
    const isShared = told.some(({ instance }) => instance === undefined);
    const sharedIsSame = isShared && areSame(all, await marksOn(tx, cluster));
    const next = new Map<InstanceId, "repair" | "adopt">();
    for (const read of batch) {
      const instance = current.get(read.id);
      if (!instance || !isSame(read, instance)) {
        skipped.push(read.name);
        continue;
      }
      const own = new Set(instance.status.drift.map(({ urn }) => urn));
      for (const resource of told) {
        const isOwn = resource.instance === read.name || (resource.instance === undefined && sharedIsSame);
        if (isOwn && (resource.deviation || own.has(resource.urn))) {
          const follow = await recordDrift(tx, instance, resource, resource.deviation, now);
          if (follow) {
            next.set(read.id, follow);
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

function areSame(all: readonly InstanceMark[], now: readonly InstanceMark[]): boolean {
  const current = new Map(now.map((instance) => [instance.id, instance]));
  return all.every((instance) => isUnderWay(instance) || isSame(instance, current.get(instance.id)));
}

function isSame({ generation }: InstanceMark, now: InstanceMark | undefined): boolean {
  return now?.generation === generation && !isUnderWay(now);
}
