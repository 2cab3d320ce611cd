import {
  API_VERSION,
  ClawError,
  type ConfigTemplate as ConfigTemplateResource,
  type ConfigTemplateSpec,
  configTemplateFacts,
  EventReason,
  EventType,
} from "../../../sdk/contract/index.ts";
import { mayUseHost } from "../../domain/access/actor.ts";
import { keySetBy } from "../../domain/configs/config-path.ts";
import type { ConfigTemplate, ConfigVersion } from "../../domain/configs/config-template.ts";
import { patternProblem } from "../../domain/configs/constraints.ts";
import { extendTemplate, unknownGroups } from "../../domain/configs/extend-template.ts";
import { digestOf } from "../../domain/digest.ts";
import { maskLeaves } from "../../domain/sealed.ts";
import { SHARED_TENANT } from "../../domain/tenancy/tenant.ts";
import type { ConfigChecks } from "../instances/config-checks.ts";
import { recordEvents } from "../instances/report-status.ts";
import type { ClawTypes, KnownClawType } from "../ports/instances/claw-adapter.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import type { TenantTransaction } from "../ports/transactions.ts";
import { defineKind, ofTenant, REMOVED } from "../resources/define-kind.ts";
import type { OwnChangeOf, ResourceKind, TenantWriter } from "../resources/kind.ts";
import { pagesOf } from "../resources/pages.ts";
import { presentMetadata } from "../resources/present-metadata.ts";
import { invalid, platformOnly, unknownType } from "../resources/refusals.ts";
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
      assertSound(manifest.metadata.name, manifest.spec);
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
    async act(writer, action, before) {
      const after = await acted(before, action, writer, deps);
      return { op: after === before ? "same" : "update", after };
    },
    async present(tx, templates, tenant) {
      const presented: ConfigTemplateResource[] = [];
      for (const template of templates) {
        presented.push({
          apiVersion: API_VERSION,
          kind: "ConfigTemplate",
          metadata: { ...presentMetadata(template), namespace: tenant },
          spec: maskLeaves(template.spec),
          status: { publishedVersion: template.publishedVersion, dirty: await isDirty(tx, template), conditions: [] },
        });
      }
      return presented;
    },
    async touches(tx, changes) {
      // A draft is nothing that instances get, before it is published.
      const published = changes.filter(({ action, draft, held }) => !held && !(action === "apply" && draft));
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

function acted(
  before: ConfigTemplate,
  action: OwnChangeOf<"ConfigTemplate">,
  writer: TenantWriter,
  deps: TemplateDependencies,
): Promise<ConfigTemplate> {
  switch (action.action) {
    case "publish":
      return publish(before, action.message ?? "", writer, deps, action.hold);
    case "rollback":
      return restore(before, { number: action.to, message: action.message ?? "" }, writer, deps);
    case "promote":
      return promote(before, action.to, writer, deps);
  }
}

/**
 * Publishes the draft as the next version and asks every instance that uses it to be reconciled. No new version when nothing changed.
 * @throws {ClawError} `config.invalid` for one that no instance could use
 */
async function publish(
  template: ConfigTemplate,
  message: string,
  writer: TenantWriter,
  deps: TemplateDependencies,
  hold = false,
): Promise<ConfigTemplate> {
  const { spec, extended } = await whole(writer.at, template);
  const digest = digestOf(spec);
  if (digest === template.publishedDigest) {
    return template;
  }
  if (hold) {
    return keep(template, { spec, digest, message, extended, written: extended && template.spec }, writer, deps);
  }
  return release(template, { spec, digest, message, extended, written: extended && template.spec }, writer, deps);
}

/** Publishes what a former version says as the next. A draft that was changed since the newest was published stays, whoever wrote it. */
async function restore(
  template: ConfigTemplate,
  { number, message }: { readonly number: number; readonly message: string },
  writer: TenantWriter,
  deps: TemplateDependencies,
): Promise<ConfigTemplate> {
  const former = await versionOf(writer.at, template, number);
  if (former.digest === template.publishedDigest) {
    return template;
  }
  const { spec, digest, extended, written } = former;
  const draft = (await isDirty(writer.at, template)) ? template.spec : (written ?? spec);
  return release({ ...template, spec: draft }, { spec, digest, message, extended, written, restores: number }, writer, deps);
}

/** @throws {ClawError} `config.version_not_found` */
export async function versionOf(scope: TenantTransaction, { id, name }: ConfigTemplate, number: number): Promise<ConfigVersion> {
  const version = await scope.templates.findVersion(id, number);
  if (!version) {
    const fix = `claw configs versions ${name}`;
    const message = `config template '${name}' has no version ${number}`;
    throw new ClawError("config.version_not_found", message, { issues: [{ path: "to", message, fix }] });
  }
  return version;
}

/** Writes the next version, and lets it reach nobody. One that says what the newest says, which is held, is that one. */
async function keep(template: ConfigTemplate, published: Published, writer: TenantWriter, deps: TemplateDependencies) {
  const { at } = writer;
  const newest = await at.templates.findVersion(template.id, await at.templates.newestVersion(template.id));
  if (newest?.digest === published.digest) {
    return template;
  }
  await insertVersion(template, published, writer, deps);
  const next = { ...template, resourceVersion: template.resourceVersion + 1, updatedAt: writer.stamp.now };
  await at.templates.update(next, template.resourceVersion);
  return next;
}

/** Lets a version that is held reach everybody who is held to none. @throws {ClawError} `config.version_not_found`, `request.invalid` for one of before */
async function promote(
  template: ConfigTemplate,
  number: number,
  writer: TenantWriter,
  deps: TemplateDependencies,
): Promise<ConfigTemplate> {
  const { digest, spec } = await versionOf(writer.at, template, number);
  if (number === template.publishedVersion) {
    return template;
  }
  if (number < template.publishedVersion) {
    const message = `version ${number} is older than ${template.publishedVersion}, which instances have`;
    throw invalid("to", message, `claw configs rollback ${template.name} --to ${number}`);
  }
  await assertUsable({ ...template, spec }, writer.home.name, writer, deps);
  return letReach(template, { version: number, digest }, writer);
}

type Published = Pick<ConfigVersion, "spec" | "digest" | "message" | "extended" | "written" | "restores">;

async function release(
  template: ConfigTemplate,
  published: Published,
  writer: TenantWriter,
  deps: TemplateDependencies,
): Promise<ConfigTemplate> {
  const version = await insertVersion(template, published, writer, deps);
  return letReach(template, { version, digest: published.digest }, writer);
}

async function insertVersion(
  template: ConfigTemplate,
  published: Published,
  { tx, at, home, stamp }: TenantWriter,
  deps: TemplateDependencies,
): Promise<number> {
  await assertUsable({ ...template, spec: published.spec }, home.name, { tx, at }, deps);
  const version = (await at.templates.newestVersion(template.id)) + 1;
  const by = { author: stamp.actor.subject, createdAt: stamp.now };
  await at.templates.insertVersion({ ...published, ...by, templateId: template.id, version });
  return version;
}

/** Makes a version the one that instances have which are held to none. */
async function letReach(
  template: ConfigTemplate,
  { version, digest }: Pick<ConfigVersion, "version" | "digest">,
  { tx, at: scope, home: tenant, stamp }: TenantWriter,
): Promise<ConfigTemplate> {
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

/** What every draft is held to. @throws {ClawError} `request.invalid` */
function assertSound(name: string, { variables, groups = [], extends: parent }: ConfigTemplateSpec): void {
  if (parent === name) {
    throw invalid("spec.extends", `config template '${name}' can't extend itself`, "name another, or leave it out");
  }
  const names = groups.map((group) => group.name);
  const twice = names.findIndex((group, index) => names.indexOf(group) < index);
  if (twice >= 0) {
    throw invalid(`spec.groups[${twice}].name`, `the group '${names[twice]}' is there twice`, "keep one of the two");
  }
  // What it extends may have more of them.
  const [lost] = parent === undefined ? unknownGroups({ variables, groups }) : [];
  if (lost) {
    throw invalid(`spec.variables[${lost.index}].group`, `there is no group '${lost.group}'`, "declare it: spec.groups");
  }
  for (const [index, variable] of variables.entries()) {
    const problem = variable.pattern === undefined ? undefined : patternProblem(variable.pattern);
    if (problem) {
      throw invalid(`spec.variables[${index}].pattern`, `'${variable.name}': the pattern ${problem.message}`, problem.fix);
    }
  }
}

/** A draft with what it has from the template that it extends, as that is published now. @throws {ClawError} `config.invalid` where that can't be had */
async function whole(scope: TenantTransaction, { name, spec }: ConfigTemplate): Promise<Pick<ConfigVersion, "spec" | "extended">> {
  if (spec.extends === undefined) {
    return { spec, extended: undefined };
  }
  const parent = await publishedOf(scope, spec.extends);
  const problem = whyNotExtended(spec, parent);
  if (!parent || problem) {
    const { message, fix } = problem ?? { message: "", fix: "" };
    throw new ClawError("config.invalid", `config template '${name}' ${message}`, { issues: [{ path: "spec.extends", message, fix }] });
  }
  const extended = extendTemplate(spec, parent.spec);
  const [lost] = unknownGroups(extended);
  if (lost) {
    const issue = { path: "spec.groups", message: `there is no group '${lost.group}'`, fix: "declare it in one of the two templates" };
    throw new ClawError("config.invalid", `config template '${name}': ${issue.message}`, { issues: [issue] });
  }
  return { spec: extended, extended: { name: spec.extends, version: parent.version } };
}

async function publishedOf(scope: TenantTransaction, name: string): Promise<ConfigVersion | undefined> {
  const template = await scope.templates.find(name);
  return template && scope.templates.findVersion(template.id, template.publishedVersion);
}

function whyNotExtended(spec: ConfigTemplateSpec, parent: ConfigVersion | undefined) {
  if (!parent) {
    const message = `extends '${spec.extends}', of which no version is published`;
    return { message, fix: `claw configs publish ${spec.extends}` };
  }
  return parent.spec.adapter === spec.adapter
    ? undefined
    : { message: `extends '${spec.extends}', which is for ${parent.spec.adapter}`, fix: "extend a template of the same adapter" };
}

/** Whether publishing it would come to something. */
export async function isDirty(scope: TenantTransaction, { spec, publishedDigest }: ConfigTemplate): Promise<boolean> {
  const parent = spec.extends === undefined ? undefined : await publishedOf(scope, spec.extends);
  return digestOf(parent ? extendTemplate(spec, parent.spec) : spec) !== publishedDigest;
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
function assertNoPlatformKeys(spec: ConfigTemplateSpec, former: ConfigTemplateSpec | undefined, { platformKeys }: KnownClawType): void {
  const kept = new Set(former?.variables.map((variable) => digestOf([variable.name, variable.default])));
  for (const [index, { name, default: value }] of spec.variables.entries()) {
    const isNew = value !== undefined && !kept.has(digestOf([name, value]));
    const key = isNew ? keySetBy(name, value, platformKeys) : undefined;
    if (key !== undefined) {
      throw platformOnly(`spec.variables[${index}].default`, key);
    }
  }
}
