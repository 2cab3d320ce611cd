import type { z } from "zod";
import { ClawError, type ConfigDiff, type ConfigDiffQuerySchema } from "../../../sdk/contract/index.ts";
import { allows } from "../../domain/access/grants.ts";
import type { ConfigTemplate } from "../../domain/configs/config-template.ts";
import { diffFiles, diffValues } from "../../domain/diff.ts";
import { type ResolveDependencies, resolveInstances } from "../instances/resolve-instance.ts";
import type { PlatformTransaction, TenantTransaction, Transactions } from "../ports/transactions.ts";
import { invalid } from "../resources/refusals.ts";
import type { RequestContext } from "../resources/route-handlers.ts";
import { tenantIn } from "../resources/tenant-in.ts";
import { versionOf } from "./config-template-kind.ts";

type Query = z.infer<typeof ConfigDiffQuerySchema>;

/** What two versions of a template differ in, or one and the draft; of an instance, also the files that it would have by each (C3). */
export async function compareVersions(
  ctx: RequestContext,
  template: ConfigTemplate,
  { from, to, instance }: Query,
  { transactions, ...deps }: ResolveDependencies & { readonly transactions: Transactions },
): Promise<ConfigDiff> {
  if (instance !== undefined && to === undefined) {
    throw invalid("to", "files are compared of two versions that are published", "name the other version, or preview the publication");
  }
  return transactions.platform(async (tx) => {
    const scope = await tx.enter(tenantIn(ctx).id);
    const before = await versionOf(scope, template, from);
    const after = to === undefined ? template : await versionOf(scope, template, to);
    const diffs = diffValues(before.spec, after.spec);
    return {
      diffs,
      ...(instance !== undefined && to !== undefined && (await filesOf(ctx, { tx, scope }, instance, { template, from, to }, deps))),
    };
  });
}

async function filesOf(
  ctx: RequestContext,
  { tx, scope }: { readonly tx: PlatformTransaction; readonly scope: TenantTransaction },
  name: string,
  { template, from, to }: { readonly template: ConfigTemplate; readonly from: number; readonly to: number },
  deps: ResolveDependencies,
): Promise<Pick<ConfigDiff, "files" | "issues">> {
  const tenant = tenantIn(ctx);
  const found = await scope.instances.find(name);
  if (!found || !allows(ctx.actor.grants, "instances.read", { tenantId: tenant.id, project: found.projectId })) {
    throw new ClawError("instance.not_found", `there is no instance '${name}'`);
  }
  const by = (version: number) => ({
    ...found,
    spec: { ...found.spec, config: { ...found.spec.config, template: template.name, version } },
  });
  const [before, after] = await resolveInstances(tx, scope, tenant.name, [by(from), by(to)], deps);
  const issues = [...(before?.issues ?? []), ...(after?.issues ?? [])];
  if (!before?.resolved || !after?.resolved) {
    return { issues: issues.map(({ path, message, fix }) => ({ path, message, ...(fix !== undefined && { fix }) })) };
  }
  const mask = [...before.secretValues, ...after.secretValues];
  return { files: diffFiles(before.resolved.runtime.files, after.resolved.runtime.files, mask).filter(({ diff }) => diff !== "") };
}
