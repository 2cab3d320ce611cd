import type { z } from "zod";
import { ClawError, type EffectiveConfig, type EffectiveConfigQuerySchema, isKeyWithin } from "../../../sdk/contract/index.ts";
import { type ExplainedValue, explainConfig, type Given } from "../../domain/configs/explain-config.ts";
import { shownFiles } from "../../domain/diff.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import type { TenantTransaction, Transactions } from "../ports/transactions.ts";
import { explainInstance, type ResolveDependencies, resolveInstances } from "./resolve-instance.ts";

type Query = z.infer<typeof EffectiveConfigQuerySchema>;

/** An answer ends behind the value that takes it over this: values may be large. */
const BYTES_MAX = 512 * 1024;
const FILE_BYTES_MAX = 128 * 1024;

/** What an instance is configured with: each key's value, secrets masked, and where it comes from; some keys at a time. */
export async function effectiveConfig(
  instance: Instance,
  { key, explain = false, files = false, version, limit, cursor }: Query,
  { transactions, ...deps }: ResolveDependencies & { readonly transactions: Transactions },
): Promise<EffectiveConfig> {
  const { asked, explained } = await transactions.platform(async (tx) => {
    const scope = await tx.enter(instance.tenantId);
    const asked: Asked = version === undefined ? { instance } : await atVersion(scope, instance, version);
    return { asked, explained: await explainInstance(tx, scope, asked.instance, deps, asked.valuesAt) };
  });
  const { config, published } = explained ?? {};
  const name = instance.spec.config.template;
  const values = (config ? explainConfig(config) : []).filter(
    (value) => (key === undefined || isKeyWithin(value.key, key)) && (cursor === undefined || value.key > cursor),
  );
  const items: EffectiveConfig["items"] = [];
  let bytes = 0;
  for (const value of values) {
    if (items.length >= limit || bytes > BYTES_MAX) {
      break;
    }
    const item = itemOf(value, explain, published);
    items.push(item);
    bytes += JSON.stringify(item).length;
  }
  const last = items.at(-1);
  const rendered = files ? await filesOf(asked, { transactions, ...deps }) : undefined;
  return {
    ...(rendered && { files: rendered }),
    ...(name !== undefined && published && { template: { name, version: published.version } }),
    items,
    ...(items.length < values.length && last && { nextCursor: last.key }),
    issues: (config?.issues ?? []).map(({ path, message, fix }) => ({ path, message, ...(fix !== undefined && { fix }) })),
  };
}

/** An instance, and the time whose values of the levels count for it; now when absent. */
interface Asked {
  readonly instance: Instance;
  readonly valuesAt?: string;
}

/**
 * The instance as a version of its template has it: with the values of the levels that held when that was published. Its own overrides,
 * and what secrets are that it names, are those of now.
 * @throws {ClawError} `config.version_not_found`
 */
export async function atVersion(scope: TenantTransaction, instance: Instance, version: number): Promise<Required<Asked>> {
  const { config } = instance.spec;
  const template = config.template === undefined ? undefined : await scope.templates.find(config.template);
  const found = template && (await scope.templates.findVersion(template.id, version));
  if (!found) {
    const whose = template ? `config template '${template.name}'` : `instance '${instance.name}' uses no config template, and`;
    const message = `${whose} has no version ${version}`;
    const issue = { path: "version", message, ...(template && { fix: `claw configs versions ${template.name}` }) };
    throw new ClawError("config.version_not_found", message, { issues: [issue] });
  }
  return { instance: { ...instance, spec: { ...instance.spec, config: { ...config, version } } }, valuesAt: found.createdAt };
}

/** As a preview shows them. */
async function filesOf(
  { instance, valuesAt }: Asked,
  { transactions, ...deps }: ResolveDependencies & { readonly transactions: Transactions },
) {
  const [resolution] = await transactions.platform(async (tx) => {
    const scope = await tx.enter(instance.tenantId);
    return resolveInstances(tx, scope, (await scope.tenants.get(instance.tenantId)).name, [instance], deps, valuesAt);
  });
  return resolution?.resolved && shownFiles(resolution.resolved.runtime.files, resolution.secretValues, FILE_BYTES_MAX);
}

type Published = { readonly author: string; readonly createdAt: string } | undefined;

function itemOf(value: ExplainedValue, explain: boolean, published: Published): EffectiveConfig["items"][number] {
  return {
    ...givenOf(value, published),
    secret: value.secret,
    ...(explain && { hides: value.hides.map((hidden) => givenOf(hidden, published)) }),
  };
}

function givenOf({ key, value, origin, from }: Given, published: Published) {
  const setting = origin === "template" && published ? { by: published.author, at: published.createdAt } : from?.setting;
  return {
    key,
    value,
    origin,
    ...(from?.of !== undefined && { values: from.of }),
    ...(from?.locked && { locked: true }),
    ...(setting && { setBy: setting.by, setAt: setting.at }),
  };
}
