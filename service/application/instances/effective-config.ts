import type { z } from "zod";
import { type EffectiveConfig, type EffectiveConfigQuerySchema, isKeyWithin } from "../../../sdk/contract/index.ts";
import { type ExplainedValue, explainConfig, type Given } from "../../domain/configs/explain-config.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import type { Transactions } from "../ports/transactions.ts";
import { explainInstance, type ResolveDependencies } from "./resolve-instance.ts";

type Query = z.infer<typeof EffectiveConfigQuerySchema>;

/** An answer ends behind the value that takes it over this: values may be large. */
const BYTES_MAX = 512 * 1024;

/** What an instance is configured with: each key's value, secrets masked, and where it comes from; some keys at a time. */
export async function effectiveConfig(
  instance: Instance,
  { key, explain = false, limit, cursor }: Query,
  { transactions, ...deps }: Pick<ResolveDependencies, "types" | "cipher"> & { readonly transactions: Transactions },
): Promise<EffectiveConfig> {
  const explained = await transactions.platform(async (tx) => explainInstance(tx, await tx.enter(instance.tenantId), instance, deps));
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
  return {
    ...(name !== undefined && published && { template: { name, version: published.version } }),
    items,
    ...(items.length < values.length && last && { nextCursor: last.key }),
    issues: (config?.issues ?? []).map(({ path, message, fix }) => ({ path, message, ...(fix !== undefined && { fix }) })),
  };
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
