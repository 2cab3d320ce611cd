import type { z } from "zod";
import { ClawError, type ConfigDiff, type ConfigDiffQuerySchema } from "../../../sdk/contract/index.ts";
import { allows } from "../../domain/access/grants.ts";
import type { ConfigTemplate } from "../../domain/configs/config-template.ts";
import { diffConfigs } from "../../domain/configs/explain-config.ts";
import { diffFiles, diffValues } from "../../domain/diff.ts";
import { atVersion } from "../instances/effective-config.ts";
import { explainInstance, type ResolveDependencies, resolveInstances } from "../instances/resolve-instance.ts";
import type { PlatformTransaction, TenantTransaction, Transactions } from "../ports/transactions.ts";
import { invalid } from "../resources/refusals.ts";
import type { RequestContext } from "../resources/route-handlers.ts";
import { tenantIn } from "../resources/tenant-in.ts";
import { versionOf } from "./config-template-kind.ts";

type Query = z.infer<typeof ConfigDiffQuerySchema>;

/**
 * What two versions of a template differ in, or one and the draft; of an instance, also its values and files by each, with the values of the
 * levels that held when each was published (C3).
 */
export async function compareVersions(
  ctx: RequestContext,
  template: ConfigTemplate,
  { from, to, instance }: Query,
  { transactions, ...deps }: ResolveDependencies & { readonly transactions: Transactions },
): Promise<ConfigDiff> {
  if (instance !== undefined && to === undefined) {
    throw invalid("to", "an instance is compared by two versions that are published", "name the other version, or preview the publication");
  }
  return transactions.platform(async (tx) => {
    const scope = await tx.enter(tenantIn(ctx).id);
    const before = await versionOf(scope, template, from);
    const after = to === undefined ? template : await versionOf(scope, template, to);
    const diffs = diffValues(before.spec, after.spec);
    return {
      diffs,
      ...(instance !== undefined && to !== undefined && (await instanceBy(ctx, { tx, scope }, instance, { template, from, to }, deps))),
    };
  });
}

async function instanceBy(
  ctx: RequestContext,
  { tx, scope }: { readonly tx: PlatformTransaction; readonly scope: TenantTransaction },
  name: string,
  { template, from, to }: { readonly template: ConfigTemplate; readonly from: number; readonly to: number },
  deps: ResolveDependencies,
): Promise<Pick<ConfigDiff, "values" | "files" | "issues">> {
  const tenant = tenantIn(ctx);
  const found = await scope.instances.find(name);
  if (!found || !allows(ctx.actor.grants, "instances.read", { tenantId: tenant.id, project: found.projectId })) {
    throw new ClawError("instance.not_found", `there is no instance '${name}'`);
  }
  const user = { ...found, spec: { ...found.spec, config: { ...found.spec.config, template: template.name } } };
  const by = async (version: number) => {
    const { instance, valuesAt } = await atVersion(scope, user, version);
    const [resolution] = await resolveInstances(tx, scope, tenant.name, [instance], deps, valuesAt);
    return { resolution, explained: await explainInstance(tx, scope, instance, deps, valuesAt) };
  };
  const [before, after] = [await by(from), await by(to)];
  const values = before.explained && after.explained && diffConfigs(before.explained.config, after.explained.config);
  const [left, right] = [before.resolution, after.resolution];
  if (!left?.resolved || !right?.resolved) {
    const issues = [...(left?.issues ?? []), ...(right?.issues ?? [])];
    return {
      ...(values && { values }),
      issues: issues.map(({ path, message, fix }) => ({ path, message, ...(fix !== undefined && { fix }) })),
    };
  }
  const mask = [...left.secretValues, ...right.secretValues];
  return {
    ...(values && { values }),
    files: diffFiles(left.resolved.runtime.files, right.resolved.runtime.files, mask).filter(({ diff }) => diff !== ""),
  };
}
