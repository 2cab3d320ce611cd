import {
  API_VERSION,
  ClawError,
  type ConfigTemplateSpec,
  configTemplateFacts,
  EventReason,
  EventType,
} from "../../../sdk/contract/index.ts";
import { mayUseHost } from "../../domain/access/actor.ts";
import { keySetBy } from "../../domain/configs/config-path.ts";
import type { ConfigTemplate } from "../../domain/configs/config-template.ts";
import { digestOf } from "../../domain/digest.ts";
import { maskLeaves } from "../../domain/sealed.ts";
import { SHARED_TENANT } from "../../domain/tenancy/tenant.ts";
import type { ConfigChecks } from "../instances/config-checks.ts";
import { recordEvents } from "../instances/report-status.ts";
import type { ClawAdapter, ClawTypes } from "../ports/instances/claw-adapter.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import { defineKind, ofTenant, REMOVED } from "../resources/define-kind.ts";
import type { ResourceKind, TenantWriter } from "../resources/kind.ts";
import { pagesOf } from "../resources/pages.ts";
import { presentMetadata } from "../resources/present-metadata.ts";
import { platformOnly, unknownType } from "../resources/refusals.ts";
import { sealTemplate } from "../secrets/seal-config.ts";
import { type CheckedOf, unusableKeys } from "./template-issues.ts";
import { usedVersions, usersOf } from "./template-users.ts";

interface TemplateDependencies {
  readonly types: ClawTypes;
  readonly cipher: SecretCipher;
  readonly checks: Pick<ConfigChecks, "schemaOf">;
}

/** Config templates: a manifest is published at once, unless it is written as a draft. */
export function configTemplateKind(deps: TemplateDependencies): ResourceKind<"ConfigTemplate", ConfigTemplate> {
  const { types, cipher } = deps;
  return defineKind(configTemplateFacts, ofTenant, {
    rows: (tx) => tx.templates,
    async find(tx, name, home) {
      const found = await tx.templates.find(name);
      // A shared template of the same name is not this tenant's to change: applying makes the tenant's own.
      return found?.tenantId === home.id ? found : undefined;
    },
    async build({ at, home, stamp }, manifest, before: ConfigTemplate | undefined, base) {
      const adapter = await types.find(manifest.spec.adapter, at);
      if (!adapter) {
        const known = (await types.list(at)).map(({ name }) => name);
        throw unknownType("spec.adapter", manifest.spec.adapter, known);
      }
      const spec = sealTemplate({ ...manifest.spec, adapter: adapter.name }, before?.spec, adapter, cipher);
      if (!mayUseHost(stamp.actor)) {
        assertNoPlatformKeys(spec, before?.spec, adapter);
      }
      const { publishedVersion, publishedDigest } = before ?? { publishedVersion: 0, publishedDigest: undefined };
      return { next: { ...base, tenantId: home.id, spec, publishedVersion, publishedDigest } };
    },
    async settle(writer, { op, after }) {
      if (writer.change.draft) {
        return {};
      }
      const published = await publish(after, "", writer, deps);
      return { after: published, op: op === "same" && published !== after ? "update" : op };
    },
    async remove({ at }, before) {
      await at.templates.delete(before.id);
      return REMOVED;
    },
    async act(writer, { message = "" }, before) {
      const after = await publish(before, message, writer, deps);
      return { op: after === before ? "same" : "update", after };
    },
    present: async (_tx, templates, tenant) =>
      templates.map((template) => ({
        apiVersion: API_VERSION,
        kind: "ConfigTemplate",
        metadata: { ...presentMetadata(template), namespace: tenant },
        spec: maskLeaves(template.spec),
        status: {
          publishedVersion: template.publishedVersion,
          dirty: digestOf(template.spec) !== template.publishedDigest,
          conditions: [],
        },
      })),
    async touches(tx, changes) {
      // A draft is nothing that instances get, before it is published.
      const published = changes.filter(({ action, draft }) => !(action === "apply" && draft));
      const tenants = new Set<string>();
      for (const { tenant, name } of published) {
        for await (const user of usersOf(tx, tenant, name)) {
          tenants.add(user);
        }
      }
      return {
        tenants: [...tenants],
        async *instances(scope, tenant) {
          for (const { name: template } of published.filter((change) => change.tenant === tenant || change.tenant === SHARED_TENANT)) {
            yield* pagesOf((page) => scope.instances.listUsing({ template }, page));
          }
        },
      };
    },
  });
}

/**
 * Publishes the draft as the next version and asks every instance that uses it to be reconciled. No new version when nothing changed.
 * @throws {ClawError} `config.invalid` for one that no instance could use
 */
async function publish(
  template: ConfigTemplate,
  message: string,
  { tx, at: scope, home: tenant, stamp }: TenantWriter,
  deps: TemplateDependencies,
): Promise<ConfigTemplate> {
  const digest = digestOf(template.spec);
  if (digest === template.publishedDigest) {
    return template;
  }
  await assertUsable(template, tenant.name, { tx, at: scope }, deps);
  const version = template.publishedVersion + 1;
  await scope.templates.insertVersion({
    templateId: template.id,
    version,
    spec: template.spec,
    digest,
    author: stamp.actor.subject,
    message,
    createdAt: stamp.now,
  });
  const next = {
    ...template,
    publishedVersion: version,
    publishedDigest: digest,
    resourceVersion: template.resourceVersion + 1,
    updatedAt: stamp.now,
  };
  await scope.templates.update(next, template.resourceVersion);
  const requested = `version ${version} of config template '${template.name}'`;
  const event = { type: EventType.Normal, reason: EventReason.Requested, message: requested, actor: stamp.actor.subject };
  for await (const user of usersOf(tx, tenant.name, template.name)) {
    const users = await tx.enter((await tx.tenants.get(user)).id);
    for await (const page of pagesOf((query) => users.instances.listMarks({ template: template.name }, query))) {
      const ids = page.map(({ id }) => id);
      await users.instances.requestReconcile(ids);
      await recordEvents(
        users,
        ids.map((instance) => ({ instance, ...event })),
        stamp.now,
      );
    }
  }
  return next;
}

async function assertUsable(
  template: ConfigTemplate,
  tenant: string,
  { tx, at }: Pick<TenantWriter, "tx" | "at">,
  { types, cipher, checks }: TemplateDependencies,
): Promise<void> {
  const { name, spec } = template;
  const adapter = await types.find(spec.adapter, at);
  if (!adapter) {
    return;
  }
  const checked: CheckedOf = async (question) => ({ schema: await checks.schemaOf(tx, question) });
  const versions = await usedVersions(tx, tenant, template);
  const issues = await unusableKeys(spec, { adapter, cipher, checked, versions });
  if (issues.length > 0) {
    const who = versions.length === 0 ? "no instance could use" : "not all of its instances could use";
    throw new ClawError("config.invalid", `${who} config template '${name}'`, { issues });
  }
}

/** What is there already may stay: an administrator set it. @throws {ClawError} `auth.forbidden` */
function assertNoPlatformKeys(spec: ConfigTemplateSpec, former: ConfigTemplateSpec | undefined, { platformKeys }: ClawAdapter): void {
  const kept = new Set(former?.variables.map((variable) => digestOf([variable.name, variable.default])));
  for (const [index, { name, default: value }] of spec.variables.entries()) {
    const isNew = value !== undefined && !kept.has(digestOf([name, value]));
    const key = isNew ? keySetBy(name, value, platformKeys) : undefined;
    if (key !== undefined) {
      throw platformOnly(`spec.variables[${index}].default`, key);
    }
  }
}
