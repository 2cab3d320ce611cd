import { ClawError, type TenantId, type Verdict } from "../../../sdk/contract/index.ts";
import { type PlannedChange, targetOf } from "../../domain/change.ts";
import { digestOf } from "../../domain/digest.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import { judgePolicies } from "../../domain/tenancy/policy.ts";
import { demandOf, judgeQuota } from "../../domain/tenancy/quota.ts";
import { type Actor, SHARED_TENANT } from "../../domain/tenancy/tenant.ts";
import { changesInstances } from "../clusters/write-cluster.ts";
import { type Resolution, type ResolveDependencies, resolveInstances } from "../instances/resolve-instance.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import { inTurns } from "./in-turns.ts";
import { writeChanges } from "./write-changes.ts";
import { allTenants, type Stamp, type Written } from "./write-context.ts";

/** An instance that changes touch, worked out before and after them. */
export interface Affected {
  readonly tenantId: TenantId;
  readonly tenant: string;
  readonly name: string;
  readonly before: Resolution | undefined;
  /** Undefined when it goes away. */
  readonly after: Resolution | undefined;
}

/** What making changes comes to: computed the same way when they are previewed and when they are made. */
export interface Outcome {
  readonly written: readonly Written[];
  readonly affected: readonly Affected[];
  readonly verdicts: readonly Verdict[];
  /** Of everything that the changes resolve to: two outcomes with one digest are the same change. */
  readonly digest: string;
}

/**
 * Makes changes and works out what they mean for every instance they touch, with quota and policy verdicts, all in one transaction.
 * It decides nothing: the caller refuses (`assertAllowed`), shows, or commits.
 */
export async function makeChanges(
  tx: PlatformTransaction,
  changes: readonly PlannedChange[],
  stamp: Stamp,
  deps: ResolveDependencies,
): Promise<Outcome> {
  assertMayWrite(changes, stamp.actor);
  const before = await resolveTouched(tx, changes, deps);
  const written = await writeChanges(tx, changes, stamp, deps);
  const affected: Affected[] = [];
  const verdicts: Verdict[] = [];
  for (const { id, name: tenant } of await touchedTenants(tx, changes)) {
    const scope = await tx.enter(id);
    const beforeOf = new Map(
      before.filter((item) => item.tenant === tenant).map(({ resolution }) => [resolution.instance.name, resolution]),
    );
    const names = new Set(beforeOf.keys());
    for (const item of written) {
      if (item.kind === "ClawInstance" && item.tenant === tenant) {
        names.add(item.name);
      }
    }
    const staying = (await scope.instances.findAll([...names])).filter(({ deletedAt }) => deletedAt === undefined);
    const resolutions = await resolveInstances(scope, tenant, staying, deps);
    const afterOf = new Map(resolutions.map((resolution) => [resolution.instance.name, resolution]));
    for (const name of names) {
      affected.push({ tenantId: id, tenant, name, before: beforeOf.get(name), after: afterOf.get(name) });
    }
    verdicts.push(
      ...(await judge(
        tx,
        id,
        affected.filter((item) => item.tenant === tenant),
      )),
    );
  }
  const digest = digestOf([
    written.map(({ kind, tenant, name, op, after }) => [kind, tenant, name, op, after?.spec, after?.labels, after?.annotations]),
    await inTurns(affected, ({ tenant, name, after }) => digestOf([tenant, name, after?.instance.cluster, after?.resolved, after?.issues])),
  ]);
  return { written, affected, verdicts, digest };
}

/** @throws {ClawError} `tenant.quota_exceeded`, `policy.denied`, `config.invalid` when an outcome may not be committed. */
export function assertAllowed(outcome: Outcome): void {
  const denied = outcome.verdicts.filter((verdict) => !verdict.allowed);
  const first = denied[0];
  if (first) {
    const issues = denied.map((verdict) => ({
      path: verdict.kind === "quota" ? `quota.${verdict.name}` : `policies.${verdict.name}`,
      message: verdict.message,
      fix: "ask for less, or ask a platform administrator for more",
    }));
    throw new ClawError(first.kind === "quota" ? "tenant.quota_exceeded" : "policy.denied", first.message, { issues });
  }
  const issues = problemsOf(outcome).filter((issue) => !issue.pending);
  if (issues[0]) {
    throw new ClawError("config.invalid", `${issues[0].path}: ${issues[0].message}`, { issues });
  }
}

/** Configuration problems of the instances that the changes name. Instances that merely use a changed template report theirs as a condition. */
export function problemsOf(outcome: Outcome) {
  const named = new Set(outcome.written.filter((item) => item.kind === "ClawInstance").map((item) => `${item.tenant}/${item.name}`));
  return outcome.affected.filter((item) => named.has(`${item.tenant}/${item.name}`)).flatMap((item) => item.after?.issues ?? []);
}

function assertMayWrite(changes: readonly PlannedChange[], actor: Actor): void {
  if (!actor.platform && changes.some((change) => ["Tenant", "Cluster"].includes(targetOf(change).kind))) {
    throw new ClawError("auth.forbidden", "tenants and clusters are written by platform administrators only");
  }
}

interface Touched {
  readonly tenant: string;
  readonly resolution: Resolution;
}

/** The instances that changes name, and those that use a template they change, as they resolve now. */
async function resolveTouched(tx: PlatformTransaction, changes: readonly PlannedChange[], deps: ResolveDependencies): Promise<Touched[]> {
  const touched: Touched[] = [];
  for (const tenant of await touchedTenants(tx, changes)) {
    const scope = await tx.enter(tenant.id);
    const named = changes.filter((change) => change.tenant === tenant.name && targetOf(change).kind === "ClawInstance");
    const there = new Map((await scope.instances.findAll(named.map((change) => targetOf(change).name))).map((item) => [item.name, item]));
    const instances = new Map<string, Instance>();
    for (const change of changes) {
      const { kind, name } = targetOf(change);
      const own = change.tenant === tenant.name;
      const found = kind === "ClawInstance" && own ? [there.get(name)] : [];
      if (kind === "Cluster" && (await changesItsInstances(tx, change))) {
        found.push(...(await scope.instances.listByCluster(name)));
      }
      if (changesTemplate(change) && (own || change.tenant === SHARED_TENANT)) {
        found.push(...(await scope.instances.listByTemplate(name)));
      }
      for (const instance of found) {
        if (instance) {
          instances.set(instance.name, instance);
        }
      }
    }
    for (const resolution of await resolveInstances(scope, tenant.name, [...instances.values()], deps)) {
      touched.push({ tenant: tenant.name, resolution });
    }
  }
  return touched;
}

/** The tenants that changes touch: their own, those on a cluster that changes, and all when a shared template does. Ones that are gone are left out. */
async function touchedTenants(tx: PlatformTransaction, changes: readonly PlannedChange[]): Promise<{ id: TenantId; name: string }[]> {
  const shared = changes.some((change) => changesTemplate(change) && change.tenant === SHARED_TENANT);
  if (shared) {
    return allTenants(tx);
  }
  const names = new Set(changes.map((change) => change.tenant));
  for (const change of changes.filter((item) => targetOf(item).kind === "Cluster")) {
    for (const { tenant } of await tx.clusters.users(targetOf(change).name)) {
      names.add(tenant);
    }
  }
  const found = [];
  for (const name of names) {
    found.push(await tx.tenants.find(name));
  }
  return found.filter((tenant) => tenant !== undefined);
}

/** Whether a change is one of what instances get of a template: a draft is not, before it is published. */
function changesTemplate(change: PlannedChange): boolean {
  return targetOf(change).kind === "ConfigTemplate" && !(change.action === "apply" && change.draft);
}

/** Whether a change of a cluster, which is not made yet, is one of the instances on it. */
async function changesItsInstances(tx: PlatformTransaction, change: PlannedChange): Promise<boolean> {
  if (change.action !== "apply" || change.manifest.kind !== "Cluster") {
    return false;
  }
  const before = await tx.clusters.find(change.manifest.metadata.name);
  return before !== undefined && changesInstances(before.spec, change.manifest.spec);
}

/** Quota by what the tenant's rows add up to now, under its lock, so that two writers can't both take the last place. */
async function judge(tx: PlatformTransaction, tenantId: TenantId, affected: readonly Affected[]): Promise<Verdict[]> {
  const growing = affected.filter((item) => item.after);
  if (growing.length === 0) {
    return [];
  }
  const scope = await tx.enter(tenantId);
  const tenant = await scope.tenants.lock(tenantId);
  const verdicts = judgeQuota(tenant.spec.quota, await scope.instances.usage(), demandChange(affected), `tenant '${tenant.name}'`);
  for (const projectName of new Set(growing.map((item) => item.after?.instance.projectName ?? ""))) {
    const project = await scope.projects.get(projectName);
    const ofProject = affected.filter((item) => (item.after ?? item.before)?.instance.projectId === project.id);
    verdicts.push(
      ...judgeQuota(project.spec.quota, await scope.instances.usage(project.id), demandChange(ofProject), `project '${project.name}'`),
    );
  }
  for (const { after } of growing) {
    if (after) {
      const subject = { name: after.instance.name, spec: after.instance.spec, version: after.version, model: after.model };
      verdicts.push(...judgePolicies(tenant.spec.policies, subject, tenant.name));
    }
  }
  return verdicts;
}

function demandChange(affected: readonly Affected[]) {
  const specs = (side: "before" | "after") => affected.flatMap((item) => item[side]?.instance.spec ?? []);
  return { before: demandOf(specs("before")), after: demandOf(specs("after")) };
}
