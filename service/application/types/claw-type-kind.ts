import {
  API_VERSION,
  ClawError,
  type ClawTypeSpec,
  clawTypeFacts,
  EventReason,
  EventType,
  formatConfigKey,
} from "../../../sdk/contract/index.ts";
import { mayUseHost } from "../../domain/access/actor.ts";
import { allows } from "../../domain/access/grants.ts";
import { scalars } from "../../domain/configs/config-path.ts";
import { isReference } from "../../domain/configs/references.ts";
import { SecretRules } from "../../domain/configs/secret-rules.ts";
import { SHARED_TENANT } from "../../domain/tenancy/tenant.ts";
import type { StoredClawType } from "../../domain/types/claw-type.ts";
import { recordEvents } from "../instances/report-status.ts";
import type { ClawTypes } from "../ports/instances/claw-adapter.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import { defineKind, ofTenant, REMOVED } from "../resources/define-kind.ts";
import type { ResourceKind, TenantWriter } from "../resources/kind.ts";
import { everyOf, pagesOf } from "../resources/pages.ts";
import { presentMetadata } from "../resources/present-metadata.ts";
import { invalid } from "../resources/refusals.ts";

/** Of one tenant, or of the platform. */
const TYPES_MAX = 100;
/** Those of a config template or an instance name a type, or its adapter. */
const TYPE_NAME = /^[a-z][a-z0-9]*$/;

/** Claw types that are brought as resources: a tenant's own, and in the shared tenant the platform's. */
export function clawTypeKind({ types }: { readonly types: ClawTypes }): ResourceKind<"ClawType", StoredClawType> {
  return defineKind(clawTypeFacts, ofTenant, {
    rows: (tx) => tx.clawTypes,
    async find(tx, name, home) {
      const found = await tx.clawTypes.find(name);
      // One of the platform is not this tenant's to change: applying makes the tenant's own.
      return found?.tenantId === home.id ? found : undefined;
    },
    async build(writer, { metadata: { name }, spec }, before: StoredClawType | undefined, base) {
      const { at, home } = writer;
      const shared = home.name === SHARED_TENANT;
      assertName(name, types);
      assertMayDefine(writer, name, spec);
      assertShowable(spec);
      const issues = await types.issuesOf(name, spec);
      if (issues.length > 0) {
        const [first] = issues;
        throw new ClawError("request.invalid", `claw type '${name}' can't be run: ${first?.path} ${first?.message}`, { issues });
      }
      if (!before && (await at.clawTypes.all()).filter(({ tenantId }) => tenantId === home.id).length >= TYPES_MAX) {
        const message = `tenant '${home.name}' has ${TYPES_MAX} claw types, which is all that it may have`;
        throw invalid("metadata.name", message, "delete some");
      }
      if (before && hidesMore(before.spec, spec)) {
        await assertUnused(writer, before, "what is stored of a key is not secret, so it can't become that; add another key");
      }
      return { next: { ...base, tenantId: home.id, spec, shared } };
    },
    async settle(writer, { op, after }) {
      if (op !== "same") {
        await reviseInstances(writer, after);
      }
      return {};
    },
    async remove(writer, before) {
      assertMayDefine(writer, before.name, before.spec);
      await assertUnused(writer, before, "it can't be deleted");
      await writer.at.clawTypes.delete(before.id);
      return REMOVED;
    },
    present: async (_tx, stored, tenant) =>
      stored.map((type) => ({
        apiVersion: API_VERSION,
        kind: "ClawType",
        metadata: { ...presentMetadata(type), namespace: type.shared ? SHARED_TENANT : tenant },
        spec: type.spec,
        status: { conditions: [] },
      })),
    async touches(tx, changes) {
      const tenants = new Set<string>();
      for (const { tenant, name } of changes) {
        for await (const user of usersOf(tx, tenant, name)) {
          tenants.add(user);
        }
      }
      return {
        tenants: [...tenants],
        async *instances(scope, tenant) {
          for (const { name: type } of changes.filter((change) => change.tenant === tenant || change.tenant === SHARED_TENANT)) {
            yield* pagesOf((page) => scope.instances.listUsing({ type }, page));
          }
        },
      };
    },
  });
}

/** @throws {ClawError} `request.invalid`, `type.name_taken` */
function assertName(name: string, { builtIn }: ClawTypes): void {
  if (!TYPE_NAME.test(name) || name.endsWith("adapter")) {
    throw invalid(
      "metadata.name",
      "the name of a claw type is lower-case letters and digits, begins with a letter and does not end with 'adapter'",
      "choose another name",
    );
  }
  const taken = builtIn.find(({ type, name: adapter }) => [type, adapter].some((known) => known.toLowerCase() === name));
  if (taken) {
    const message = `the claw type '${taken.type}' comes with the platform`;
    const issues = [{ path: "metadata.name", message, fix: "choose another name" }];
    throw new ClawError("type.name_taken", `${message}; choose another name`, { issues });
  }
}

/** Whoever sees a type sees all of it: what it has of JSON holds no secret, by its names or its form. @throws {ClawError} `request.invalid` */
function assertShowable({ probes, variables }: ClawTypeSpec): void {
  const rules = new SecretRules({ secretKeys: [] });
  const shown: readonly (readonly [place: string, value: unknown])[] = [
    ...Object.entries(probes).map(([probe, { expect }]) => [`spec.probes.${probe}.expect`, expect] as const),
    ...variables.map(({ default: value }, index) => [`spec.variables[${index}].default`, value] as const),
  ];
  for (const [place, value] of shown) {
    for (const [path, item] of scalars(value, isReference)) {
      if (path.length > 0 && rules.isSecret(path, item)) {
        const fix = "leave it out: a secret is a variable of its own, with 'secret: true' and without a default";
        throw invalid(formatConfigKey(path, place), "is a secret by its name, and a claw type is shown as it is", fix);
      }
    }
  }
}

/**
 * What every tenant's instances may be of takes the platform's permission; what the host itself would fetch, and what of the host is shown to claws,
 * is the platform's to name.
 * @throws {ClawError} `auth.forbidden`
 */
function assertMayDefine({ home, stamp }: TenantWriter, name: string, { software, variables }: ClawTypeSpec): void {
  const refuse = (path: string, message: string, fix: string) =>
    new ClawError("auth.forbidden", `${message}; ${fix}`, { issues: [{ path, message, fix }] });
  if (home.name === SHARED_TENANT && !allows(stamp.actor.grants, "types.write", {})) {
    const message = `the claw type '${name}' is the whole platform's, and '${stamp.actor.subject}' may define types of this tenant only`;
    throw refuse("metadata.namespace", message, "ask a platform administrator");
  }
  if (mayUseHost(stamp.actor)) {
    return;
  }
  if (software.source === "npm" || software.source === "archive") {
    const what = software.source === "npm" ? "a package" : "an archive";
    const message = `${what} would be fetched and unpacked by the control plane's host, with its way into networks`;
    throw refuse("spec.software.source", message, "bring the program along ('inline') or in an image, or ask a platform administrator");
  }
  const index = variables.findIndex(({ platform }) => platform);
  if (index >= 0) {
    const message = `'${variables[index]?.name}' would name what is the host's`;
    throw refuse(`spec.variables[${index}].platform`, message, "leave it out, or ask a platform administrator");
  }
}

/** Refuses while instances are of it, or config templates for it. @throws {ClawError} `type.in_use` */
async function assertUnused({ tx, home, at }: TenantWriter, type: StoredClawType, why: string): Promise<void> {
  await at.clawTypes.assertNoInstances(type, why);
  const tenants = type.shared ? everyOf((page) => tx.tenants.list(page)) : [home];
  for await (const { id, name } of tenants) {
    const scope = await tx.enter(id);
    const isMeant = (await scope.clawTypes.find(type.name))?.id === type.id;
    const { items } = isMeant ? await scope.templates.list({ limit: 1, fieldSelector: `spec.adapter=${type.name}Adapter` }) : { items: [] };
    if (items[0]) {
      const who = name === home.name ? `config template '${items[0].name}'` : "a config template of another tenant";
      throw new ClawError("type.in_use", `claw type '${type.name}' is used by ${who}: ${why}`);
    }
  }
  await tx.enter(home.id);
}

/** Whether a key that was there becomes secret: what instances and templates have of it lies there in clear. */
function hidesMore(before: ClawTypeSpec, after: ClawTypeSpec): boolean {
  const plain = new Set(before.variables.filter(({ secret }) => !secret).map(({ name }) => name));
  return after.variables.some(({ name, secret }) => secret && plain.has(name));
}

/** Names of the tenants whose instances may be of a type: its own, or all that have some of that name where it is the platform's. */
async function* usersOf(tx: PlatformTransaction, tenant: string, type: string): AsyncGenerator<string> {
  if (tenant === SHARED_TENANT) {
    yield* everyOf((page) => tx.tenants.listUsing({ type }, page));
  } else {
    yield tenant;
  }
}

/** Makes all instances of a type due. */
async function reviseInstances({ tx, home, stamp }: TenantWriter, { id, name, generation }: StoredClawType): Promise<void> {
  const message = `claw type '${name}', generation ${generation}`;
  const event = { type: EventType.Normal, reason: EventReason.Requested, message, actor: stamp.actor.subject };
  for await (const user of usersOf(tx, home.name, name)) {
    const users = await tx.enter((await tx.tenants.get(user)).id);
    // One that has a type of its own by that name is not told.
    if ((await users.clawTypes.find(name))?.id !== id) {
      continue;
    }
    for await (const page of pagesOf((query) => users.instances.listMarks({ type: name }, query))) {
      const ids = page.map((instance) => instance.id);
      await users.instances.requestReconcile(ids);
      await recordEvents(
        users,
        ids.map((instance) => ({ instance, ...event })),
        stamp.now,
      );
    }
  }
  await tx.enter(home.id);
}
