import { EventReason, EventType, newId, type TenantId, type Verdict } from "../../../sdk/contract/index.ts";
import { entryOf } from "../../domain/audit/chain.ts";
import { isSame, type Judgement, judgePolicies, verdictOf } from "../../domain/policies/judge.ts";
import { isAboutNetwork } from "../../domain/policies/rules.ts";
import { maskLeaves } from "../../domain/sealed.ts";
import { demandOf, judgeQuota } from "../../domain/tenancy/quota.ts";
import type { PlatformTransaction, TenantTransaction } from "../ports/transactions.ts";
import type { Stamp } from "../resources/kind.ts";
import { type Affected, keyOf } from "./affected.ts";
import { recordEvents } from "./report-status.ts";
import type { Resolution } from "./resolve-instance.ts";

/** What each policy says of an instance, as it is resolved. */
export async function judgementsOf(
  tx: Pick<PlatformTransaction, "clusters">,
  tenant: string,
  { instance, policies, version, models, skills }: Resolution,
): Promise<Judgement[]> {
  if (policies.length === 0) {
    return [];
  }
  const { name, projectName: project, labels, annotations, cluster } = instance;
  const asksNetwork = policies.some(({ rule }) => isAboutNetwork(rule?.name));
  const network = asksNetwork ? (await tx.clusters.find(cluster))?.spec.networkPolicy : undefined;
  const spec = maskLeaves(instance.spec);
  return judgePolicies(policies, { name, tenant, project, labels, annotations, spec, version, models, skills, cluster, network });
}

/**
 * Quota by what the tenant's rows add up to now, under its lock, so that two writers can't both take the last place; and policies.
 * @param asked keys of the instances that have to comply: others may stay as they were
 */
export async function judge(
  tx: PlatformTransaction,
  tenantId: TenantId,
  affected: readonly Affected[],
  asked: ReadonlySet<string>,
): Promise<Verdict[]> {
  const growing = affected.filter((item) => item.after);
  if (growing.length === 0) {
    return [];
  }
  const scope = await tx.enter(tenantId);
  const tenant = await scope.tenants.lock(tenantId);
  const verdicts = judgeQuota(tenant.spec.quota, await scope.instances.usage(), demandChange(affected), `tenant '${tenant.name}'`);
  for (const projectName of new Set(growing.map((item) => item.after?.instance.projectName ?? ""))) {
    const { id, name, spec } = await scope.projects.get(projectName);
    const change = demandChange(affected.filter((item) => (item.after ?? item.before)?.instance.projectId === id));
    const keeper = `an administrator of tenant '${tenant.name}'`;
    verdicts.push(...judgeQuota(spec.quota, await scope.instances.usage(id), change, `project '${name}'`, keeper));
  }
  for (const item of growing) {
    for (const judgement of item.after?.judgements ?? []) {
      verdicts.push(verdictOf(judgement, item.name, !asked.has(keyOf(item)) && wasSo(item, judgement)));
    }
  }
  return verdicts;
}

/** Whether what a policy says of an instance is what it said before. */
function wasSo({ before }: Affected, judgement: Judgement): boolean {
  return before?.judgements.some((former) => isSame(former, judgement)) ?? false;
}

/** Tells of what violates policies that are not enforced, once: when it begins to. */
export async function recordViolations(
  scope: TenantTransaction,
  affected: readonly Affected[],
  { now, actor, plan }: Stamp,
): Promise<void> {
  const told = affected.flatMap((item) => {
    const { tenant, name, after } = item;
    const fresh = (after?.judgements ?? []).filter(({ fault, policy }) => fault !== undefined && policy.mode !== "enforce");
    return fresh.flatMap((judgement) => {
      const { policy, fault } = judgement;
      const message = `${fault?.message} (policy '${policy.name}' of ${policy.owner})`;
      return after && !wasSo(item, judgement) ? [{ tenant, uid: after.instance.id, name, policy, message }] : [];
    });
  });
  await recordEvents(
    scope,
    told.map(({ uid, message }) => ({
      instance: uid,
      type: EventType.Warning,
      reason: EventReason.PolicyViolated,
      message,
      actor: actor.subject,
    })),
    now,
  );
  for (const { tenant, uid, name, policy, message } of told) {
    const data = { uid, name, policy: policy.name, mode: policy.mode, message, tenant, actor: actor.subject };
    await scope.publish({ id: newId("evt"), event: "instance.violated", time: now, data });
    const resource = { kind: "ClawInstance", name, uid, tenant };
    const details = { policy: policy.name, mode: policy.mode, message };
    scope.audit.append(entryOf({ time: plan?.appliedAt ?? now, by: actor, action: "instance.violate", resource, details }));
  }
}

function demandChange(affected: readonly Affected[]) {
  const specs = (side: "before" | "after") => affected.flatMap((item) => item[side]?.instance.spec ?? []);
  return { before: demandOf(specs("before")), after: demandOf(specs("after")) };
}
