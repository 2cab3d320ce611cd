import { isDeepStrictEqual } from "node:util";
import {
  API_VERSION,
  ClawError,
  DEFAULT_PLACEMENT,
  EventReason,
  EventType,
  type InstanceId,
  InstancePhase,
  type InstanceSpec,
  instanceFacts,
  type ManifestOf,
  type ProjectId,
} from "../../../sdk/contract/index.ts";
import { mayUseHost } from "../../domain/access/actor.ts";
import { allows, projectsThatAllow } from "../../domain/access/grants.ts";
import { forgets, type PlannedChange } from "../../domain/change.ts";
import { reachCondition } from "../../domain/clusters/cluster.ts";
import { settingsOf } from "../../domain/configs/config-values.ts";
import { lockOn } from "../../domain/configs/resolve-config.ts";
import { digestOf } from "../../domain/digest.ts";
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
import type { ConfigChecks } from "./config-checks.ts";
import { assertConfined, assertLetOntoHost, type Unconfined } from "./host-use.ts";
import { lockedBy, locksOf } from "./locks.ts";
import { assertLost, isLost } from "./lost.ts";
import { addressOf, type OpenChannel } from "./open-channel.ts";
import { leaving, placeInstance } from "./place-instance.ts";
import { assertNoPlatformKeys } from "./platform-keys.ts";
import { presentInstance } from "./present-instance.ts";
import { recordEvent } from "./report-status.ts";
import { adoptedSpec, assertComesOut, ignoringSpec, toBeReverted } from "./undo-differences.ts";

/** Names that are looked through for the one that was meant. */
const CANDIDATES = 500;

interface InstanceKindDependencies {
  readonly types: ClawTypes;
  readonly cipher: SecretCipher;
  /** What claws' own programs say of configs. */
  readonly checks: Pick<ConfigChecks, "known">;
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
    act: async (writer, change, before) => {
      const { action } = change;
      if (action === "let-go") {
        return request(writer, before, before.movedFrom === undefined ? "delete" : "update");
      }
      await assertStays(writer.tx, before);
      switch (action) {
        case "revert":
          return revert(writer, before, deps);
        case "adopt":
          return adopt(writer, before, change.keys, deps);
        case "ignore":
          return store(writer, before, { ...before, spec: ignoringSpec(before, change, writer.stamp.now) }, "update", "ignore differences");
        case "restart":
          // Whoever thinks that somebody has its agent's token has it restarted.
          await writer.at.instances.renewAgentTokens([before.id]);
          return request(writer, before, "update");
        default:
          return request(writer, before, "update");
      }
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
  const { tx, at, change, stamp } = writer;
  const next =
    change.action === "move"
      ? { ...before, cluster: change.to, movedFrom: await leaving(tx, before, change.to) }
      : requested(before, change, stamp.now);
  if (change.action === "move" && next !== before) {
    const message = `moved from '${change.from}' to '${change.to}': ${change.reason}`;
    await recordEvent(at, next.id, { type: EventType.Normal, reason: EventReason.Moved, message, actor: stamp.actor.subject }, stamp.now);
    return store(writer, before, next, op);
  }
  const what = change.action === "delete" ? "destroy" : change.action;
  const asked = change.rollout === undefined ? what : `${what} of rollout '${change.rollout}'`;
  return store(writer, before, next, op, change.action === "let-go" ? `let go of with its cluster '${change.cluster}'` : asked);
}

/** Writes what is wanted of an instance, and that somebody asked for it. @param next itself where nothing else is wanted */
async function store(
  writer: TenantWriter,
  before: Instance,
  next: Instance,
  op: "update" | "delete",
  asked?: string,
): Promise<Made<Instance>> {
  if (isDeepStrictEqual(next, before)) {
    return { op: "same", after: before };
  }
  const { at, stamp } = writer;
  const after = { ...requestReconcile(next), resourceVersion: before.resourceVersion + 1, updatedAt: stamp.now };
  await at.instances.update(after, before.resourceVersion);
  if (asked !== undefined) {
    await recordRequest(writer, before, after, asked);
  }
  return { op, after };
}

/** What its agent is to do stands in what is known of it: nothing else is declared. What reads its files at its start alone is restarted with it. */
async function revert(writer: TenantWriter, before: Instance, { types }: InstanceKindDependencies): Promise<Made<Instance>> {
  const { at, stamp } = writer;
  const next = toBeReverted(before, stamp.actor.subject, stamp.now);
  if (next === before) {
    return { op: "same", after: before };
  }
  await at.instances.updateStatus(before.id, (current) => toBeReverted(current, stamp.actor.subject, stamp.now).status);
  const reloads = (await types.find(before.spec.type, at))?.capabilities["hot-reload"] !== undefined;
  if (before.spec.running && !reloads) {
    return store(writer, before, { ...next, restartedAt: stamp.now }, "update", "revert, with a restart");
  }
  const event = { type: EventType.Normal, reason: EventReason.Requested, message: "revert", actor: stamp.actor.subject };
  await recordEvent(at, before.id, event, stamp.now);
  return { op: "update", after: next };
}

async function adopt(
  writer: TenantWriter,
  before: Instance,
  keys: readonly string[] | undefined,
  deps: InstanceKindDependencies,
): Promise<Made<Instance>> {
  const { now } = writer.stamp;
  const metadata = { name: before.name, project: before.projectName };
  const manifest = { apiVersion: API_VERSION, kind: "ClawInstance", metadata, spec: adoptedSpec(before, keys, now) } as const;
  // As any write: locks, keys of the platform and who may set what have their say.
  const next = await wantedInstance(writer, manifest, before, before, deps);
  await assertComesOut(writer, before, next, keys, now, deps);
  return store(writer, before, next, "update", "adopt");
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
    case "let-go": {
      // What was moved away from there only begins elsewhere.
      const deletedAt = before.movedFrom === change.cluster ? before.deletedAt : (before.deletedAt ?? now);
      return { ...before, forget: true, deletedAt };
    }
    case "start":
    case "stop":
    case "kill": {
      const running = change.action === "start";
      // A start of something that failed is a wish to try again, though the spec says it already.
      return before.spec.running === running && before.status.phase !== InstancePhase.Failed
        ? before
        : { ...before, spec: { ...before.spec, running }, ...(running && before.spec.running && { restartedAt: now }) };
    }
    case "pin": {
      if (change.secret !== undefined) {
        return heldToSecret(before, { name: change.secret, number: change.version });
      }
      const { version: former, ...config } = before.spec.config;
      const version = change.version ?? undefined;
      return former === version
        ? before
        : { ...before, spec: { ...before.spec, config: { ...config, ...(version !== undefined && { version }) } } };
    }
    case "upgrade": {
      const { version: former, ...spec } = before.spec;
      const version = change.version ?? undefined;
      return former === version ? before : { ...before, spec: { ...spec, ...(version !== undefined && { version }) } };
    }
    case "restart":
      return { ...before, spec: { ...before.spec, running: true }, restartedAt: now };
    default:
      return before;
  }
}

/** The instance with a value of a secret; with what everybody has for null. */
function heldToSecret(before: Instance, { name, number }: { readonly name: string; readonly number: number | null }): Instance {
  const { secrets = [], ...config } = before.spec.config;
  const former = secrets.find((held) => held.name === name)?.number ?? null;
  if (former === number) {
    return before;
  }
  const others = secrets.filter((held) => held.name !== name);
  const next = number === null ? others : [...others, { name, number }];
  return { ...before, spec: { ...before.spec, config: { ...config, ...(next.length > 0 && { secrets: next }) } } };
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
  const former = { values: before?.spec.config.overrides ?? [], settings: before?.settings ?? {} };
  const setting = { by: stamp.actor.subject, at: stamp.plan?.appliedAt ?? stamp.now };
  const settings = settingsOf(spec.config.overrides, setting, former);
  await assertUnlocked(at, { projectId: project.id, id: before?.id }, changedOverrides(spec.config.overrides, former.values));
  return before
    ? { ...before, ...base, spec, settings }
    : { ...newInstance(stamp.now), ...base, tenantId: home.id, projectId: project.id, projectName, spec, settings };
}

type Overrides = InstanceSpec["config"]["overrides"];

/** With where each stands. */
function changedOverrides(overrides: Overrides, former: Overrides): { key: string; index: number }[] {
  const known = new Map(former.map((override) => [override.key, digestOf(override)]));
  return overrides.flatMap((override, index) => (known.get(override.key) === digestOf(override) ? [] : [{ key: override.key, index }]));
}

/** What was there before it was locked may stay, and comes to nothing. @throws {ClawError} `config.invalid` */
async function assertUnlocked(
  scope: TenantTransaction,
  { projectId, id }: { readonly projectId: ProjectId; readonly id: InstanceId | undefined },
  changed: readonly { readonly key: string; readonly index: number }[],
): Promise<void> {
  if (changed.length === 0) {
    return;
  }
  const locks = locksOf(await scope.values.listFor([projectId], id === undefined ? [] : [id]));
  for (const { key, index } of changed) {
    const lock = lockOn(key, locks);
    if (lock) {
      throw lockedBy(`spec.config.overrides[${index}].key`, key, lock);
    }
  }
}

function newInstance(
  now: string,
): Pick<Instance, "restartedAt" | "deletedAt" | "purgeData" | "forget" | "cluster" | "movedFrom" | "agentToken" | "status"> {
  return {
    restartedAt: undefined,
    deletedAt: undefined,
    purgeData: false,
    forget: false,
    cluster: DEFAULT_PLACEMENT.cluster,
    movedFrom: undefined,
    agentToken: 0,
    status: {
      phase: InstancePhase.Creating,
      observedGeneration: 0,
      lastTransitionTime: now,
      conditions: [],
      agent: undefined,
      pod: undefined,
      drift: [],
      delivery: undefined,
      consistency: undefined,
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
async function variablesOf({ config: { template: name, version: pinned } }: InstanceSpec, scope: TenantTransaction) {
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
  const published = await scope.templates.findVersion(template.id, pinned ?? template.publishedVersion);
  // What a version has from another template is not in the draft.
  return [...(published?.spec.variables ?? []), ...template.spec.variables];
}
