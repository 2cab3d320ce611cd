import type { ConfigTemplateInput, ConfigTemplateSpec } from "../../../sdk/contract/index.ts";
import { targetKey, targetOf } from "../../domain/change.ts";
import { keySetBy } from "../../domain/configs/config-path.ts";
import type { ConfigTemplate } from "../../domain/configs/config-template.ts";
import { digestOf } from "../../domain/digest.ts";
import { isAdministrator, SHARED_TENANT } from "../../domain/tenancy/tenant.ts";
import { recordEvents } from "../instances/report-status.ts";
import type { ClawAdapter } from "../ports/instances/claw-adapter.ts";
import {
  allTenants,
  assertExpected,
  fresh,
  mergedMetadata,
  platformOnly,
  revised,
  unknownType,
  type Writer,
  type Written,
} from "../resources/write-context.ts";
import { sealTemplate } from "../secrets/seal-config.ts";

/** Writes a config template: a draft, or applied and published at once. */
export async function writeTemplate(writer: Writer): Promise<Written> {
  const { change, scope, tenant, stamp, deps } = writer;
  const name = targetOf(change).name;
  const found = await scope.templates.find(name);
  // A shared template of the same name is not this tenant's to change: applying makes the tenant's own.
  const before = found?.tenantId === tenant.id ? found : undefined;
  assertExpected(change, before, stamp);
  const result = { change, kind: "ConfigTemplate", name, tenant: tenant.name, tenantId: tenant.id } as const;
  if (change.action === "delete" && before) {
    await scope.templates.delete(before.id);
    return { ...result, op: "delete", before, after: undefined };
  }
  if (change.action === "publish" && before) {
    const after = await publish(before, change.message ?? "", writer);
    return { ...result, op: after === before ? "same" : "update", before, after };
  }
  const manifest = (change as { manifest: ConfigTemplateInput }).manifest;
  const adapter = deps.types.find(manifest.spec.adapter);
  if (!adapter) {
    throw unknownType(
      "spec.adapter",
      manifest.spec.adapter,
      deps.types.list().map((type) => type.name),
    );
  }
  const spec = sealTemplate({ ...manifest.spec, adapter: adapter.name }, before?.spec, adapter, deps.cipher);
  if (!isAdministrator(stamp.actor)) {
    assertNoPlatformKeys(spec, before?.spec, adapter);
  }
  let after: ConfigTemplate;
  let op: Written["op"] = "create";
  if (before) {
    const revision = revised(before, { ...before, ...mergedMetadata(manifest, before), spec }, stamp.now);
    ({ op, after } = revision);
    if (op === "update") {
      await scope.templates.update(after, before.resourceVersion);
    }
  } else {
    after = {
      ...fresh(targetKey(change), "cfg", stamp),
      tenantId: tenant.id,
      name,
      ...mergedMetadata(manifest, undefined),
      spec,
      publishedVersion: 0,
      publishedDigest: undefined,
    };
    await scope.templates.insert(after);
  }
  if (!change.draft) {
    const published = await publish(after, "", writer);
    op = op === "same" && published !== after ? "update" : op;
    after = published;
  }
  return { ...result, op, before, after };
}

/** Publishes the draft as the next version and asks every instance that uses it to be reconciled. No new version when nothing changed. */
async function publish(template: ConfigTemplate, message: string, { tx, scope, tenant, stamp }: Writer): Promise<ConfigTemplate> {
  const digest = digestOf(template.spec);
  if (digest === template.publishedDigest) {
    return template;
  }
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
  for (const user of tenant.name === SHARED_TENANT ? await allTenants(tx) : [tenant]) {
    const users = await tx.enter(user.id);
    const ids = (await users.instances.listByTemplate(template.name)).map(({ id }) => id);
    const message = `version ${version} of config template '${template.name}'`;
    await users.instances.requestReconcile(ids);
    const event = { type: "Normal", reason: "Requested", message, actor: stamp.actor.subject } as const;
    await recordEvents(
      users,
      ids.map((instance) => ({ instance, ...event })),
      stamp.now,
    );
  }
  return next;
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
