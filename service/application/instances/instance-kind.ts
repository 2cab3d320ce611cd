import {
  ClawError,
  DEFAULT_PLACEMENT,
  EventReason,
  EventType,
  type InstanceSpec,
  instanceFacts,
  type ManifestOf,
} from "../../../sdk/contract/index.ts";
import { mayUseHost } from "../../domain/access/actor.ts";
import { allows, projectsThatAllow } from "../../domain/access/grants.ts";
import { forgets, type PlannedChange } from "../../domain/change.ts";
import { reachCondition } from "../../domain/clusters/cluster.ts";
import { withCondition } from "../../domain/instances/conditions.ts";
import { type Instance, requestReconcile } from "../../domain/instances/instance.ts";
import { DEFAULT_PROJECT } from "../../domain/tenancy/tenant.ts";
import type { ClawTypes } from "../ports/instances/claw-adapter.ts";
import type { Runtimes } from "../ports/runtimes/runtime.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import type { PlatformTransaction, TenantTransaction } from "../ports/transactions.ts";
import { defineKind, ofTenant } from "../resources/define-kind.ts";
import type { Base, Made, ResourceKind, TenantWriter } from "../resources/kind.ts";
import { assertAllows } from "../resources/permitted.ts";
import { invalid, unknownNameFix, unknownType } from "../resources/refusals.ts";
import { sealOverrides } from "../secrets/seal-config.ts";
import { instancesNamed } from "./affected.ts";
import { assertConfined, assertLetOntoHost, type Unconfined } from "./host-use.ts";
import { assertLost, isLost } from "./lost.ts";
import { addressOf, type OpenChannel } from "./open-channel.ts";
import { placeInstance } from "./place-instance.ts";
import { assertNoPlatformKeys } from "./platform-keys.ts";
import { presentInstance } from "./present-instance.ts";
import { recordEvent } from "./report-status.ts";

/** Names that are looked through for the one that was meant. */
const CANDIDATES = 500;

interface InstanceKindDependencies {
  readonly types: ClawTypes;
  readonly cipher: SecretCipher;
  readonly runtimes: Runtimes;
  readonly openChannel: OpenChannel;
  /** Where claws of this host are not confined: why, and what would mend it. */
  readonly unconfined?: Unconfined | undefined;
}

export function instanceKind(deps: InstanceKindDependencies): ResourceKind<"ClawInstance", Instance> {
  return defineKind(instanceFacts, ofTenant, {
    rows: (tx) => tx.instances,
    project: ({ projectId }) => projectId,
    async build(writer, manifest, before: Instance | undefined, base) {
      await assertStays(writer.tx, before);
      const wanted = await wantedInstance(writer, manifest, before, base, deps);
      const { name, spec } = wanted;
      const adapter = await deps.types.find(spec.type, writer.at);
      const placed = await placeInstance(writer.tx, { name, spec, adapter, tenantPlacement: writer.home.spec.placement }, before);
      if (before?.cluster !== placed.cluster) {
        assertConfined(writer.stamp.actor, placed.cluster, deps.unconfined);
        await assertLetOntoHost(writer, placed.cluster);
      }
      const reach = before || !placed.unreachable ? undefined : reachCondition(placed.cluster, placed.unreachable);
      const conditions = reach ? withCondition([], reach, writer.stamp.now) : wanted.status.conditions;
      const { cluster, movedFrom, reason } = placed;
      return { next: { ...wanted, cluster, movedFrom, status: { ...wanted.status, conditions } }, reason };
    },
    renew: requestReconcile,
    async settle(writer, { op, before, after }) {
      await recordRequest(writer, before, after, op);
      return {};
    },
    async remove(writer, before) {
      const { change, tx } = writer;
      if (forgets(change) && !before.forget) {
        await assertLost(tx, before.movedFrom ?? before.cluster);
      }
      return request(writer, before, "delete");
    },
    act: async (writer, _action, before) => {
      await assertStays(writer.tx, before);
      return request(writer, before, "update");
    },
    present: async (_tx, instances, tenant) => instances.map((instance) => presentInstance(instance, tenant)),
    touches: async (_tx, changes) => ({
      tenants: [],
      instances: (scope, tenant) =>
        instancesNamed(
          scope,
          changes.filter((change) => change.tenant === tenant).map(({ name }) => name),
        ),
    }),
    async committed({ change, after, tenant }) {
      // Without waiting for the reconciler.
      if (change.action === "kill" && after && deps.runtimes.at(after.cluster).isReachable(after)) {
        await deps.openChannel(addressOf(after, tenant), { channel: "signal", action: "kill" });
      }
    },
    custom: {
      hasProject: true,
      // On the control plane's host only when it says so.
      specOf: (spec, cluster) => ({ placement: { cluster }, ...spec }),
    },
  });
}

/** @throws {ClawError} `instance.name_taken` for one that is on its way out */
async function assertStays(tx: PlatformTransaction, instance: Instance | undefined): Promise<void> {
  if (instance?.deletedAt !== undefined) {
    const place = instance.movedFrom ?? instance.cluster;
    const isStuck = !instance.forget && (await isLost(tx, place));
    const message = `instance '${instance.name}' is being destroyed${isStuck ? `, and its cluster '${place}' does not answer` : ""}`;
    const fix = isStuck
      ? "wait for the cluster, let go of the instance with 'claw destroy --forget', or choose another name"
      : "wait until it is gone, as 'claw apply --wait' does, or choose another name";
    throw new ClawError("instance.name_taken", `${message}; ${fix}`, { issues: [{ path: "metadata.name", message, fix }] });
  }
}

/** Writes what an action wants of an instance. @param op what that is called */
async function request(writer: TenantWriter, before: Instance, op: "update" | "delete"): Promise<Made<Instance>> {
  const { at, change, stamp } = writer;
  const next = requested(before, change, stamp.now);
  if (next === before) {
    return { op: "same", after: before };
  }
  const after = { ...requestReconcile(next), resourceVersion: before.resourceVersion + 1, updatedAt: stamp.now };
  await at.instances.update(after, before.resourceVersion);
  await recordRequest(writer, before, after, change.action === "delete" ? "destroy" : change.action);
  return { op, after };
}

/** The instance as an action wants it. */
function requested(before: Instance, change: PlannedChange, now: string): Instance {
  switch (change.action) {
    case "delete": {
      const purgeData = before.purgeData || (change.purgeData ?? false);
      const forget = before.forget || forgets(change);
      // Until it is gone, its data can still be asked to go too, and its cluster to be left alone.
      return before.deletedAt !== undefined && purgeData === before.purgeData && forget === before.forget
        ? before
        : { ...before, deletedAt: before.deletedAt ?? now, purgeData, forget };
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

/** What was asked of an instance, and by whom: what its next transition comes from. */
async function recordRequest({ at, stamp }: TenantWriter, before: Instance | undefined, after: Instance, message: string): Promise<void> {
  if (after.generation !== before?.generation) {
    const event = { type: EventType.Normal, reason: EventReason.Requested, message, actor: stamp.actor.subject };
    await recordEvent(at, after.id, event, stamp.now);
  }
}

async function wantedInstance(
  { at, home, stamp }: TenantWriter,
  { metadata, spec: given }: ManifestOf<"ClawInstance">,
  before: Instance | undefined,
  base: Base<"ClawInstance">,
  { types, cipher }: InstanceKindDependencies,
): Promise<Instance> {
  const adapter = await types.find(given.type, at);
  if (!adapter) {
    const known = (await types.list(at)).map(({ type }) => type);
    throw unknownType("spec.type", given.type, known);
  }
  const projectName = metadata.project ?? before?.projectName ?? DEFAULT_PROJECT;
  const { grants } = stamp.actor;
  const project = await at.projects.find(projectName);
  // A project that may not be seen is as if it were not there.
  if (!project || !allows(grants, "projects.read", { tenantId: home.id, project: project.id })) {
    const { items } = await at.projects.list({ limit: CANDIDATES }, projectsThatAllow(grants, "projects.read"));
    throw invalid(
      "metadata.project",
      `there is no project '${projectName}' in tenant '${home.name}'`,
      nearestOf(projectName, items) ?? "create it first: claw projects create",
    );
  }
  assertAllows(stamp.actor, "instances.write", { tenantId: home.id, project: project.id });
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
  const variables = await variablesOf(given, at);
  const spec = sealOverrides({ ...given, type: adapter.type }, before?.spec, { adapter, variables, cipher });
  if (!mayUseHost(stamp.actor)) {
    assertNoPlatformKeys(spec.config.overrides, before?.spec.config.overrides ?? [], adapter);
  }
  return before
    ? { ...before, ...base, spec }
    : { ...newInstance(stamp.now), ...base, tenantId: home.id, projectId: project.id, projectName, spec };
}

function newInstance(
  now: string,
): Pick<Instance, "restartedAt" | "deletedAt" | "purgeData" | "forget" | "cluster" | "movedFrom" | "status"> {
  return {
    restartedAt: undefined,
    deletedAt: undefined,
    purgeData: false,
    forget: false,
    cluster: DEFAULT_PLACEMENT.cluster,
    movedFrom: undefined,
    status: {
      phase: "Creating",
      observedGeneration: 0,
      lastTransitionTime: now,
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

function nearestOf(name: string, known: readonly { readonly name: string }[]): string | undefined {
  return unknownNameFix(
    name,
    known.map((item) => item.name),
  );
}

/** The variables of its template. */
async function variablesOf({ config: { template: name } }: InstanceSpec, scope: TenantTransaction) {
  if (name === undefined) {
    return [];
  }
  const template = await scope.templates.find(name);
  if (!template) {
    const { items } = await scope.templates.list({ limit: CANDIDATES });
    throw invalid(
      "spec.config.template",
      `there is no config template '${name}'`,
      nearestOf(name, items) ?? "create it, or name another: claw configs list",
    );
  }
  return template.spec.variables;
}
