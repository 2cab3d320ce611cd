import type { TenantId, Verdict } from "../../../sdk/contract/index.ts";
import { judgePolicies } from "../../domain/tenancy/policy.ts";
import { demandOf, judgeQuota } from "../../domain/tenancy/quota.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import type { Affected } from "./affected.ts";

/** Quota by what the tenant's rows add up to now, under its lock, so that two writers can't both take the last place; and policies. */
export async function judge(tx: PlatformTransaction, tenantId: TenantId, affected: readonly Affected[]): Promise<Verdict[]> {
  const growing = affected.filter((item) => item.after);
  if (growing.length === 0) {
    return [];
  }
  const scope = await tx.enter(tenantId);
  const tenant = await scope.tenants.lock(tenantId);
  const verdicts = judgeQuota(tenant.spec.quota, await scope.instances.usage(), demandChange(affected), `tenant '${tenant.name}'`);
  for (const projectName of new Set(growing.map((item) => item.after?.instance.projectName ?? ""))) {
    const project = await scope.projects.get(projectName);
    const ofProject = affected.filter((item) => (item.after ?? item.before)?.instance.projectId === project.id);
    verdicts.push(
      ...judgeQuota(project.spec.quota, await scope.instances.usage(project.id), demandChange(ofProject), `project '${project.name}'`),
    );
  }
  for (const { after } of growing) {
    if (after) {
      const subject = { name: after.instance.name, spec: after.instance.spec, version: after.version, models: after.models };
      verdicts.push(...judgePolicies(tenant.spec.policies, subject, tenant.name));
    }
  }
  return verdicts;
}

function demandChange(affected: readonly Affected[]) {
  const specs = (side: "before" | "after") => affected.flatMap((item) => item[side]?.instance.spec ?? []);
  return { before: demandOf(specs("before")), after: demandOf(specs("after")) };
}
