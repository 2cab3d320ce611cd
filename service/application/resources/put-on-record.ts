import { factsOf, type ManifestKind } from "../../../sdk/contract/index.ts";
import { auditedDiff } from "../../domain/audit/audited-diff.ts";
import { entryOf } from "../../domain/audit/chain.ts";
import type { PlannedChange } from "../../domain/change.ts";
import { SHARED_TENANT } from "../../domain/tenancy/tenant.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import type { Stamp, Written } from "./kind.ts";

/** Puts a change on record in the audit log, in its own transaction. What changed nothing is none. */
export async function putOnRecord(tx: PlatformTransaction, written: Written, { actor, now, plan }: Stamp): Promise<void> {
  const { kind, op, name, tenant, tenantId, before, after, change } = written;
  if (op === "same") {
    return;
  }
  const { area, scope } = factsOf(kind);
  const { diff, cut } = auditedDiff(kind, before, after);
  const entry = entryOf({
    // A plan's writes have the time of its preview.
    time: plan === undefined ? now : plan.appliedAt,
    by: actor,
    action: `${area}.${change.action === "apply" ? op : change.action}`,
    resource: { kind, name, uid: (after ?? before)?.id, ...(scope === "platform" ? {} : { tenant }) },
    diff: [...diff],
    ...(cut > 0 && { cut }),
    details: { ...detailsOf(change), ...(plan && { plan: plan.id }) },
  });
  if (scope !== "platform") {
    (await tx.enter(tenantId)).audit.append(entry);
  }
  if (scope !== "tenant" || isEverywhere(kind, tenant)) {
    tx.audit.append(entry);
  }
}

/** Whether it may hold in every tenant, and on the platform: rights, and policies. */
function isEverywhere(kind: ManifestKind, tenant: string): boolean {
  return tenant === SHARED_TENANT && ["access.write", "policies.write"].includes(factsOf(kind).access.write);
}

/** What is said of a change beside what it makes of its resource: that data goes with it, what a version is for. */
function detailsOf(change: PlannedChange): Record<string, string> {
  if (change.action === "apply") {
    return {};
  }
  const { action: _action, name: _name, tenant: _tenant, place: _place, expect: _expect, draft: _draft, later: _later, ...said } = change;
  const told = Object.entries(said).filter(([key, value]) => key !== "kind" && value !== undefined && value !== false && value !== "");
  return Object.fromEntries(told.map(([key, value]) => [key, String(value)]));
}
