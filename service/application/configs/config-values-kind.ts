import {
  API_VERSION,
  ClawError,
  type ConfigValuesSpec,
  type ConfigVariable,
  configValuesFacts,
  EventReason,
  EventType,
  isSecretVariable,
} from "../../../sdk/contract/index.ts";
import { mayUseHost } from "../../domain/access/actor.ts";
import { allows } from "../../domain/access/grants.ts";
import { keySetBy } from "../../domain/configs/config-path.ts";
import { ConfigLevel, levelOf, type StoredConfigValues, settingsOf } from "../../domain/configs/config-values.ts";
import { lockOn } from "../../domain/configs/resolve-config.ts";
import { digestOf } from "../../domain/digest.ts";
import { maskLeaves } from "../../domain/sealed.ts";
import { SHARED_TENANT } from "../../domain/tenancy/tenant.ts";
import { lockedBy, locksAbove, unsettable } from "../instances/locks.ts";
import { recordEvents } from "../instances/report-status.ts";
import type { ClawTypes, KnownClawType } from "../ports/instances/claw-adapter.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import type { TenantTransaction } from "../ports/transactions.ts";
import { defineKind, ofTenant, REMOVED } from "../resources/define-kind.ts";
import type { KindChange, ResourceKind, TenantWriter } from "../resources/kind.ts";
import { everyOf } from "../resources/pages.ts";
import { presentMetadata } from "../resources/present-metadata.ts";
import { invalid, platformOnly } from "../resources/refusals.ts";
import { sealValues } from "../secrets/seal-config.ts";
import { usersOfValues, type ValuesPlace } from "./values-users.ts";

interface ValuesDependencies {
  readonly types: ClawTypes;
  readonly cipher: SecretCipher;
}

/** Of one level of one tenant, project or instance: each is read whenever an instance there is resolved. */
const SETS_MAX = 100;

/** Values of the levels that many instances share (C2). */
export function configValuesKind(deps: ValuesDependencies): ResourceKind<"ConfigValues", StoredConfigValues> {
  return defineKind(configValuesFacts, ofTenant, {
    rows: (tx) => tx.values,
    project: ({ projectId }) => projectId,
    async build(writer, { metadata, spec: given }, before: StoredConfigValues | undefined, base) {
      assertMayKeep(writer, before);
      if (before && digestOf(before.spec.at) !== digestOf(given.at)) {
        const fix = "delete it and create it there";
        throw invalid("spec.at", `'${metadata.name}' is of the level '${levelOf(before.spec.at)}' and can't move`, fix);
      }
      if (given.at === ConfigLevel.Global) {
        assertShared(writer, metadata.name);
      }
      const place = await placeOf(writer, given.at);
      const adapters = await deps.types.list(writer.at);
      const spec = sealValues(given, before?.spec, { adapters, cipher: deps.cipher, variables: await variablesIn(writer.at) });
      if (!mayUseHost(writer.stamp.actor)) {
        assertNoPlatformKeys(spec, before?.spec, adapters);
      }
      const next = { ...base, tenantId: writer.home.id, spec, ...place };
      await assertFree(writer, next, before);
      const { actor, plan, now } = writer.stamp;
      const setting = { by: actor.subject, at: plan?.appliedAt ?? now };
      const former = { values: before?.spec.values ?? [], settings: before?.settings ?? {} };
      return { next: { ...next, settings: settingsOf(spec.values, setting, former) } };
    },
    async settle(writer, { before, after }) {
      await reviseUsers(writer, after, changedKeys(before?.spec, after.spec), deps.types);
      return {};
    },
    async remove(writer, before) {
      assertMayKeep(writer, before);
      if (before.spec.at === ConfigLevel.Global) {
        assertShared(writer, before.name);
      }
      await writer.at.values.remove(before.id, writer.stamp.now);
      await reviseUsers(writer, before, changedKeys(before.spec, undefined), deps.types);
      return REMOVED;
    },
    present: async (_tx, stored, tenant) =>
      stored.map((values) => ({
        apiVersion: API_VERSION,
        kind: "ConfigValues",
        metadata: { ...presentMetadata(values), namespace: values.spec.at === ConfigLevel.Global ? SHARED_TENANT : tenant },
        spec: maskLeaves(values.spec),
        status: {
          values: values.spec.values.map(({ key }) => {
            const { by, at } = values.settings[key] ?? {};
            return { key, ...(by !== undefined && { setBy: by }), ...(at !== undefined && { setAt: at }) };
          }),
          conditions: [],
        },
      })),
    async touches(tx, changes) {
      const ofAll = changes.some(({ tenant }) => tenant === SHARED_TENANT);
      const tenants: string[] = [];
      if (ofAll) {
        for await (const { name } of everyOf((page) => tx.tenants.list(page))) {
          tenants.push(name);
        }
      }
      const shared = ofAll ? await targetsOf(await tx.enter((await tx.tenants.get(SHARED_TENANT)).id), SHARED_TENANT, changes) : [];
      return {
        tenants,
        async *instances(scope, tenant) {
          const own = tenant === SHARED_TENANT ? shared : await targetsOf(scope, tenant, changes);
          const global = tenant === SHARED_TENANT ? [] : shared.filter(({ place }) => place.spec.at === ConfigLevel.Global);
          for (const { place, keys } of [...own, ...global]) {
            yield* usersOfValues(scope, place, keys, deps.types, {
              list: (use, page) => (use === "any" ? scope.instances.list(page) : scope.instances.listUsing(use, page)),
              user: ({ spec }) => ({ type: spec.type, template: spec.config.template }),
            });
          }
        },
      };
    },
  });
}

/** Where changes set values, and which keys: of what is there already and of what is wanted. */
async function targetsOf(scope: TenantTransaction, tenant: string, changes: readonly KindChange<"ConfigValues">[]) {
  const targets: { place: ValuesPlace; keys: string[] }[] = [];
  for (const { name, manifest } of changes.filter((change) => change.tenant === tenant)) {
    const before = await scope.values.find(name);
    const keys = changedKeys(before?.spec, manifest?.spec);
    const place = before ?? (manifest && (await existingPlace(scope, manifest.spec.at)));
    if (place) {
      targets.push({ place, keys });
    }
  }
  return targets;
}

/** Undefined where there is nothing yet that values could hold for. */
async function existingPlace(scope: TenantTransaction, at: ConfigValuesSpec["at"]): Promise<ValuesPlace | undefined> {
  const project = typeof at === "object" && "project" in at ? await scope.projects.find(at.project) : undefined;
  const instance = typeof at === "object" && "instance" in at ? await scope.instances.find(at.instance) : undefined;
  if (typeof at === "object" && !project && !instance) {
    return undefined;
  }
  return { spec: { at }, projectId: project?.id ?? instance?.projectId, instanceId: instance?.id };
}

/** Keys whose value, secrecy or lock is another, or that one of the two has alone. */
function changedKeys(before: ConfigValuesSpec | undefined, after: ConfigValuesSpec | undefined): string[] {
  const former = new Map(before?.values.map((value) => [value.key, digestOf(value)]));
  const next = new Map(after?.values.map((value) => [value.key, digestOf(value)]));
  return [...new Set([...former.keys(), ...next.keys()])].filter((key) => former.get(key) !== next.get(key));
}

/** Asks for the instances to be reconciled to which the keys mean something. */
async function reviseUsers({ tx, at, home, stamp }: TenantWriter, values: StoredConfigValues, keys: readonly string[], types: ClawTypes) {
  if (keys.length === 0) {
    return;
  }
  const message = `config values '${values.name}'`;
  const event = { type: EventType.Normal, reason: EventReason.Requested, message, actor: stamp.actor.subject };
  const revise = async (scope: TenantTransaction) => {
    const marks = {
      list: scope.instances.listMarks.bind(scope.instances),
      user: (mark: { type: string; template: string | undefined }) => mark,
    };
    for await (const page of usersOfValues(scope, values, keys, types, marks)) {
      const ids = page.map(({ id }) => id);
      await scope.instances.requestReconcile(ids);
      await recordEvents(
        scope,
        ids.map((instance) => ({ instance, ...event })),
        stamp.now,
      );
    }
  };
  if (values.spec.at !== ConfigLevel.Global) {
    return revise(at);
  }
  for await (const { id } of everyOf((page) => tx.tenants.list(page))) {
    await revise(await tx.enter(id));
  }
  await tx.enter(home.id);
}

/** What every tenant sees of the shared tenant's is nobody's to change from there. */
function assertMayKeep({ home }: TenantWriter, before: StoredConfigValues | undefined): void {
  if (before && before.tenantId !== home.id) {
    const fix = "choose another name, or ask a platform administrator";
    const message = `the config values '${before.name}' are every tenant's`;
    throw new ClawError("auth.forbidden", `${message}; ${fix}`, { issues: [{ path: "metadata.name", message, fix }] });
  }
}

function assertShared({ home, stamp }: TenantWriter, name: string): void {
  if (home.name !== SHARED_TENANT) {
    const message = `values of all tenants are kept in the tenant '${SHARED_TENANT}' alone`;
    throw invalid("spec.at", message, `write them there (metadata.namespace: ${SHARED_TENANT}), or make them this tenant's: at: tenant`);
  }
  if (!allows(stamp.actor.grants, "values.write", {})) {
    const message = `the config values '${name}' are every tenant's, and '${stamp.actor.subject}' may set those of this tenant only`;
    const fix = "ask a platform administrator";
    throw new ClawError("auth.forbidden", `${message}; ${fix}`, { issues: [{ path: "spec.at", message, fix }] });
  }
}

async function placeOf({ at, home, stamp }: TenantWriter, level: ConfigValuesSpec["at"]) {
  if (typeof level === "string") {
    return { projectId: undefined, instanceId: undefined };
  }
  if ("project" in level) {
    const project = await at.projects.find(level.project);
    if (!project || !allows(stamp.actor.grants, "projects.read", { tenantId: home.id, project: project.id })) {
      throw new ClawError("project.not_found", `there is no project '${level.project}' in tenant '${home.name}'`);
    }
    return { projectId: project.id, instanceId: undefined };
  }
  const instance = await at.instances.find(level.instance);
  if (!instance || !allows(stamp.actor.grants, "instances.read", { tenantId: home.id, project: instance.projectId })) {
    throw new ClawError("instance.not_found", `there is no instance '${level.instance}' in tenant '${home.name}'`);
  }
  return { projectId: instance.projectId, instanceId: instance.id };
}

/** Secrecy that templates declare, whose values these may be. */
async function variablesIn(scope: TenantTransaction) {
  const variables: ConfigVariable[] = [];
  for await (const { id, spec, publishedVersion } of everyOf((page) => scope.templates.list(page))) {
    const published = spec.extends === undefined ? undefined : await scope.templates.findVersion(id, publishedVersion);
    variables.push(...[...spec.variables, ...(published?.spec.variables ?? [])].filter(isSecretVariable));
  }
  return variables;
}

/** What is there already may stay: an administrator set it. @throws {ClawError} `auth.forbidden` */
function assertNoPlatformKeys(spec: ConfigValuesSpec, former: ConfigValuesSpec | undefined, adapters: readonly KnownClawType[]): void {
  const changed = new Set(changedKeys(former, spec));
  for (const [index, { key, value }] of spec.values.entries()) {
    const named = changed.has(key) ? adapters.flatMap(({ platformKeys }) => keySetBy(key, value, platformKeys) ?? [])[0] : undefined;
    if (named !== undefined) {
      throw platformOnly(`spec.values[${index}].key`, named);
    }
  }
}

/** A key has one value at a level, and none where a weaker level has locked it. @throws {ClawError} `config.invalid` */
async function assertFree({ at, home }: TenantWriter, next: Omit<StoredConfigValues, "settings">, before: StoredConfigValues | undefined) {
  const { projectId, instanceId, spec } = next;
  const seen = await at.values.listFor(projectId === undefined ? [] : [projectId], instanceId === undefined ? [] : [instanceId]);
  const level = levelOf(spec.at);
  const others = seen.filter((set) => set.id !== next.id && levelOf(set.spec.at) === level && set.tenantId === home.id);
  if (!before && others.length >= SETS_MAX) {
    const message = `there are ${SETS_MAX} sets of values of this level already, which is all that there may be`;
    throw invalid("metadata.name", message, "put more values into one");
  }
  const locks = locksAbove(level, seen);
  const changed = new Set(changedKeys(before?.spec, spec));
  const keys = new Set<string>();
  for (const [index, { key }] of spec.values.entries()) {
    const path = `spec.values[${index}].key`;
    if (keys.size === keys.add(key).size) {
      throw unsettable(path, `'${key}' is set twice`, "keep one of the values");
    }
    const other = others.find((set) => set.spec.values.some((value) => value.key === key));
    if (other) {
      throw unsettable(
        path,
        `'${key}' is set by '${other.name}' at the same level`,
        `change it there: claw values set ${other.name} ${key}=…`,
      );
    }
    const lock = changed.has(key) ? lockOn(key, locks) : undefined;
    if (lock) {
      throw lockedBy(path, key, lock);
    }
  }
}
