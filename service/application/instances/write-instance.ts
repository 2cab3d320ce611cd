import {
  ClawError,
  type ClawInstanceInput,
  type ConfigTemplateSpec,
  type InstanceSpec,
  LOCAL_CLUSTER,
} from "../../../sdk/contract/index.ts";
import { type PlannedChange, targetKey, targetOf } from "../../domain/change.ts";
import { reachCondition } from "../../domain/clusters/cluster.ts";
import { keySetBy } from "../../domain/configs/config-path.ts";
import { digestOf } from "../../domain/digest.ts";
import { withCondition } from "../../domain/instances/conditions.ts";
import { type Instance, requestReconcile } from "../../domain/instances/instance.ts";
import { DEFAULT_PROJECT, isAdministrator } from "../../domain/tenancy/tenant.ts";
import type { ClawAdapter } from "../ports/instances/claw-adapter.ts";
import type { TenantTransaction } from "../ports/transactions.ts";
import {
  assertExpected,
  fresh,
  invalid,
  mergedMetadata,
  platformOnly,
  revised,
  unknownNameFix,
  unknownType,
  type Writer,
  type Written,
} from "../resources/write-context.ts";
import { sealOverrides } from "../secrets/seal-config.ts";
import { assertConfined } from "./host-use.ts";
import { placeInstance } from "./place-instance.ts";

/** Names that are looked through for the one that was meant. */
const CANDIDATES = 500;

/** Writes an instance: a manifest, or one of the actions on it. */
export async function writeInstance(writer: Writer): Promise<Written> {
  const { tx, change, scope, tenant, stamp, deps } = writer;
  const name = targetOf(change).name;
  const before = await scope.instances.find(name);
  assertExpected(change, before, stamp);
  const result = { change, kind: "ClawInstance", name, tenant: tenant.name, tenantId: tenant.id } as const;
  if (before?.deletedAt !== undefined && change.action !== "delete") {
    const message = `instance '${name}' is being destroyed`;
    const fix = "wait until it is gone";
    throw new ClawError("instance.name_taken", `${message}; ${fix}`, { issues: [{ path: "metadata.name", message, fix }] });
  }
  if (change.action === "apply" && change.manifest.kind === "ClawInstance") {
    const applied = await appliedInstance(change.manifest, before, writer);
    const { spec } = applied;
    const placed = await placeInstance(tx, { name, spec, tenantPlacement: tenant.spec.placement }, before);
    const after = { ...applied, cluster: placed.cluster, movedFrom: placed.movedFrom };
    if (before?.cluster !== placed.cluster) {
      assertConfined(stamp.actor, placed.cluster, deps.unconfined);
    }
    const placementReason = placed.reason;
    if (!before) {
      const reach = placed.unreachable && reachCondition(placed.cluster, placed.unreachable);
      const status = reach ? { ...after.status, conditions: withCondition([], reach, stamp.now) } : after.status;
      await scope.instances.insert({ ...after, status });
      return { ...result, op: "create", before, after, placementReason };
    }
    const revision = revised(before, after, stamp.now, requestReconcile);
    if (revision.op === "update") {
      await scope.instances.update(revision.after, before.resourceVersion);
    }
    return { ...result, op: revision.op, before, after: revision.after, placementReason };
  }
  if (!before) {
    throw new ClawError("instance.not_found", `there is no instance '${name}' in tenant '${tenant.name}'`);
  }
  const next = requested(before, change, stamp.now);
  if (next === before) {
    return { ...result, op: "same", before, after: before };
  }
  const after = { ...requestReconcile(next), resourceVersion: before.resourceVersion + 1, updatedAt: stamp.now };
  await scope.instances.update(after, before.resourceVersion);
  return { ...result, op: change.action === "delete" ? "delete" : "update", before, after };
}

/** The instance as an action wants it. */
function requested(before: Instance, change: PlannedChange, now: string): Instance {
  switch (change.action) {
    case "delete": {
      const purgeData = before.purgeData || (change.purgeData ?? false);
      // Until it is gone, its data can still be asked to go too.
      return before.deletedAt !== undefined && purgeData === before.purgeData
        ? before
        : { ...before, deletedAt: before.deletedAt ?? now, purgeData };
    }
    case "start":
    case "stop":
    case "kill": {
      const running = change.action === "start";
      // A start of something that failed is a wish to try again, though the spec says it already.
      return before.spec.running === running && before.status.phase !== "Failed"
        ? before
        : { ...before, spec: { ...before.spec, running }, ...(running && before.spec.running && { restartedAt: now }) };
    }
    case "restart":
      return { ...before, spec: { ...before.spec, running: true }, restartedAt: now };
    default:
      return before;
  }
}

async function appliedInstance(
  manifest: ClawInstanceInput,
  before: Instance | undefined,
  { change, scope, tenant, stamp, deps }: Writer,
): Promise<Instance> {
  const adapter = deps.types.find(manifest.spec.type);
  if (!adapter) {
    throw unknownType(
      "spec.type",
      manifest.spec.type,
      deps.types.list().map((type) => type.type),
    );
  }
  const projectName = manifest.metadata.project ?? before?.projectName ?? DEFAULT_PROJECT;
  const project = await scope.projects.find(projectName);
  if (!project) {
    const { items } = await scope.projects.list({ limit: CANDIDATES });
    throw invalid(
      "metadata.project",
      `there is no project '${projectName}' in tenant '${tenant.name}'`,
      nearestOf(projectName, items) ?? "create it first: claw projects create",
    );
  }
  if (before && before.projectId !== project.id) {
    throw invalid(
      "metadata.project",
      `instance '${before.name}' is in project '${before.projectName}' and can't move`,
      "delete it and create it in the other project",
    );
  }
  if (before && before.spec.type !== adapter.type) {
    throw invalid(
      "spec.type",
      `instance '${before.name}' is of type '${before.spec.type}' and can't become '${adapter.type}'`,
      "create another instance",
    );
  }
  const variables = await variablesOf(manifest.spec, scope);
  const spec = sealOverrides({ ...manifest.spec, type: adapter.type }, before?.spec, { adapter, variables, cipher: deps.cipher });
  if (!isAdministrator(stamp.actor)) {
    assertNoPlatformKeys(spec.config.overrides, before?.spec.config.overrides ?? [], adapter);
  }
  const metadata = mergedMetadata(manifest, before);
  if (before) {
    return { ...before, ...metadata, spec };
  }
  return {
    ...fresh(targetKey(change), "ins", stamp),
    tenantId: tenant.id,
    projectId: project.id,
    projectName: project.name,
    name: manifest.metadata.name,
    ...metadata,
    spec,
    restartedAt: undefined,
    deletedAt: undefined,
    purgeData: false,
    cluster: LOCAL_CLUSTER,
    movedFrom: undefined,
    status: {
      phase: "Creating",
      observedGeneration: 0,
      lastTransitionTime: stamp.now,
      conditions: [],
      agent: undefined,
      pod: undefined,
      drift: [],
      configVersion: undefined,
      attempts: 0,
      nextAttemptAt: undefined,
    },
  };
}

type Overrides = InstanceSpec["config"]["overrides"];

/** What is there already may stay: an administrator set it. @throws {ClawError} `auth.forbidden` */
function assertNoPlatformKeys(overrides: Overrides, former: Overrides, { platformKeys }: ClawAdapter): void {
  const kept = new Set(former.map((override) => digestOf(override)));
  for (const [index, override] of overrides.entries()) {
    const key = kept.has(digestOf(override)) ? undefined : keySetBy(override.key, override.value, platformKeys);
    if (key !== undefined) {
      throw platformOnly(`spec.config.overrides[${index}].key`, key);
    }
  }
}

function nearestOf(name: string, known: readonly { readonly name: string }[]): string | undefined {
  return unknownNameFix(
    name,
    known.map((item) => item.name),
  );
}

/** The variables of its template. */
async function variablesOf(spec: InstanceSpec, scope: TenantTransaction): Promise<ConfigTemplateSpec["variables"]> {
  const template = spec.config.template === undefined ? undefined : await scope.templates.find(spec.config.template);
  if (spec.config.template !== undefined && !template) {
    const { items } = await scope.templates.list({ limit: CANDIDATES });
    throw invalid(
      "spec.config.template",
      `there is no config template '${spec.config.template}'`,
      nearestOf(spec.config.template, items) ?? "create it, or name another: claw configs list",
    );
  }
  return template?.spec.variables ?? [];
}
