import { ClawError, type InstanceId, type ManifestKind, newId, type ProjectInput, type TenantInput } from "../../../sdk/contract/index.ts";
import { inWriteOrder, type PlannedChange, targetKey, targetOf } from "../../domain/change.ts";
import { digestOf } from "../../domain/digest.ts";
import { policyIssues } from "../../domain/tenancy/policy.ts";
import { DEFAULT_PROJECT, type Project, SHARED_TENANT, type Tenant } from "../../domain/tenancy/tenant.ts";
import { writeCluster } from "../clusters/write-cluster.ts";
import { writeTemplate } from "../configs/write-template.ts";
import { recordEvent } from "../instances/report-status.ts";
import { writeInstance } from "../instances/write-instance.ts";
import type { PlatformTransaction, TenantTransaction } from "../ports/transactions.ts";
import { reviseBoundaries } from "../tenancy/revise-boundaries.ts";
import {
  assertExpected,
  fresh,
  invalid,
  mergedMetadata,
  revised,
  type Stamp,
  type WriteDependencies,
  type Writer,
  type Written,
} from "./write-context.ts";

/**
 * Makes changes inside a transaction: the one way in which desired state is written, for previews (rolled back), plans and single writes.
 * Each write and its event are in the same transaction. @throws {ClawError} for the first change that can't be made.
 */
export async function writeChanges(
  tx: PlatformTransaction,
  changes: readonly PlannedChange[],
  stamp: Stamp,
  deps: WriteDependencies,
): Promise<Written[]> {
  const written: Written[] = [];
  for (const change of inWriteOrder(changes)) {
    const result = await writeChange(tx, change, stamp, deps);
    written.push(result);
    const resource = result.after ?? result.before;
    if (result.op !== "same" && resource) {
      const scope = await tx.enter(result.tenantId);
      await scope.publish({
        id: newId("evt"),
        event: `${AGGREGATES[result.kind]}.${EVENTS[result.op]}`,
        time: stamp.now,
        data: { uid: resource.id, name: result.name, tenant: result.tenant, actor: stamp.actor.subject },
      });
      await recordRequest(scope, result, stamp);
    }
  }
  return written;
}

/** What was asked of an instance, and by whom: what its next transition comes from. */
async function recordRequest(scope: TenantTransaction, { kind, change, op, before, after }: Written, { now, actor }: Stamp): Promise<void> {
  if (kind === "ClawInstance" && after && after.generation !== before?.generation) {
    const message = change.action === "apply" ? op : change.action === "delete" ? "destroy" : change.action;
    await recordEvent(scope, after.id as InstanceId, { type: "Normal", reason: "Requested", message, actor: actor.subject }, now);
  }
}

function writeChange(tx: PlatformTransaction, change: PlannedChange, stamp: Stamp, deps: WriteDependencies): Promise<Written> {
  switch (targetOf(change).kind) {
    case "Cluster":
      return writeCluster(tx, change, stamp, deps);
    case "Tenant":
      return writeTenant(tx, change, stamp, deps);
    default:
      return writeInTenant(tx, change, stamp, deps);
  }
}

const AGGREGATES = {
  ClawInstance: "instance",
  ConfigTemplate: "config",
  Tenant: "tenant",
  Project: "project",
  Cluster: "cluster",
} as const satisfies Record<ManifestKind, string>;
const EVENTS = { create: "created", update: "updated", delete: "deleted" } as const;

async function writeInTenant(tx: PlatformTransaction, change: PlannedChange, stamp: Stamp, deps: WriteDependencies): Promise<Written> {
  const tenant = await tx.tenants.get(change.tenant);
  const scope = await tx.enter(tenant.id);
  const writer = { tx, change, scope, tenant, stamp, deps };
  switch (targetOf(change).kind) {
    case "Project":
      return writeProject(writer);
    case "ConfigTemplate":
      return writeTemplate(writer);
    default:
      return writeInstance(writer);
  }
}

async function writeTenant(tx: PlatformTransaction, change: PlannedChange, stamp: Stamp, deps: WriteDependencies): Promise<Written> {
  const name = targetOf(change).name;
  if (!stamp.actor.platform) {
    throw new ClawError("auth.forbidden", "tenants are written by platform administrators only");
  }
  const before = await tx.tenants.find(name);
  assertExpected(change, before, stamp);
  const result = { change, kind: "Tenant", name, tenant: name } as const;
  if (change.action === "delete" && before) {
    assertDispensable("tenant", name, SHARED_TENANT);
    await tx.tenants.delete(before.id);
    return { ...result, tenantId: before.id, op: "delete", before, after: undefined };
  }
  const manifest = (change as { manifest: TenantInput }).manifest;
  const issues = policyIssues(manifest.spec.policies);
  if (issues.length > 0) {
    throw new ClawError("request.invalid", `tenant '${name}' has policies that can't be evaluated`, { issues });
  }
  if (!before) {
    const after: Tenant = {
      ...fresh(targetKey(change), "ten", stamp),
      name,
      ...mergedMetadata(manifest, undefined),
      spec: manifest.spec,
    };
    await tx.tenants.insert(after);
    const scope = await tx.enter(after.id);
    const project = fresh(`Project/${name}/${DEFAULT_PROJECT}`, "prj", stamp);
    await scope.projects.insert({
      ...project,
      tenantId: after.id,
      name: DEFAULT_PROJECT,
      labels: {},
      annotations: {},
      spec: { quota: {} },
    });
    return { ...result, tenantId: after.id, op: "create", before, after };
  }
  const { op, after } = revised(before, { ...before, ...mergedMetadata(manifest, before), spec: manifest.spec }, stamp.now);
  if (op === "update") {
    await tx.tenants.update(after, before.resourceVersion);
  }
  // Clusters enforce the quota too.
  const boundaries = digestOf(before.spec.quota) === digestOf(after.spec.quota) ? [] : await reviseBoundaries(tx, after, deps);
  return { ...result, tenantId: before.id, op, before, after, boundaries };
}

async function writeProject({ change, scope, tenant, stamp }: Writer): Promise<Written> {
  const name = targetOf(change).name;
  const before = await scope.projects.find(name);
  assertExpected(change, before, stamp);
  const result = { change, kind: "Project", name, tenant: tenant.name, tenantId: tenant.id } as const;
  if (change.action === "delete" && before) {
    assertDispensable("project", name, DEFAULT_PROJECT);
    await scope.projects.delete(before.id);
    return { ...result, op: "delete", before, after: undefined };
  }
  const manifest = (change as { manifest: ProjectInput }).manifest;
  if (!before) {
    const after: Project = {
      ...fresh(targetKey(change), "prj", stamp),
      tenantId: tenant.id,
      name,
      ...mergedMetadata(manifest, undefined),
      spec: manifest.spec,
    };
    await scope.projects.insert(after);
    return { ...result, op: "create", before, after };
  }
  const { op, after } = revised(before, { ...before, ...mergedMetadata(manifest, before), spec: manifest.spec }, stamp.now);
  if (op === "update") {
    await scope.projects.update(after, before.resourceVersion);
  }
  return { ...result, op, before, after };
}

function assertDispensable(noun: string, name: string, needed: string): void {
  if (name === needed) {
    throw invalid(
      "id",
      `the ${noun} '${name}' is what others fall back on and can't be deleted`,
      "leave it; being empty, it costs nothing",
    );
  }
}
