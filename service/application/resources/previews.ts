import {
  type ChangeEffect,
  ClawError,
  newId,
  type PlanId,
  type Preview,
  type PreviewItem,
  type ResourceChange,
  type TenantId,
} from "../../../sdk/contract/index.ts";
import { type PlannedChange, targetKey } from "../../domain/change.ts";
import type { ConfigIssue } from "../../domain/configs/resolve-config.ts";
import { diffFiles, diffValues } from "../../domain/diff.ts";
import { digestOf } from "../../domain/digest.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import { type PreviewPage, pagesOf, shownBoundaries, shownVerdicts, summaryOf } from "../../domain/preview-pages.ts";
import type { Actor } from "../../domain/tenancy/tenant.ts";
import { SHARED_TENANT } from "../../domain/tenancy/tenant.ts";
import type { ResolveDependencies } from "../instances/resolve-instance.ts";
import type { Plan } from "../ports/resources/plan-repository.ts";
import type { Runtimes } from "../ports/runtimes/runtime.ts";
import type { StackOperations } from "../ports/stacks/stack-operations.ts";
import type { Transactions } from "../ports/transactions.ts";
import { previewStacks, type StackChanges, type TouchedStack, touchedStacks } from "../stacks/preview-stacks.ts";
import { type Affected, assertAllowed, makeChanges, type Outcome, problemsOf } from "./changes.ts";
import { inTurns } from "./in-turns.ts";
import type { IfMatch } from "./route-handlers.ts";
import type { StoredResource, Written } from "./write-context.ts";

const PLAN_TTL_MS = 60 * 60 * 1000;

export interface PreviewDependencies extends ResolveDependencies {
  readonly runtimes: Runtimes;
  readonly transactions: Transactions;
  readonly stacks: StackOperations;
  readonly clock: () => Date;
}

/** Who asks, and for which tenant; `ifMatch` is of a single change. Plans of platform actors, which may be about several tenants, are kept with the shared one. */
export interface PlanOwner {
  readonly actor: Actor;
  readonly tenantId: TenantId | undefined;
  readonly ifMatch?: IfMatch | undefined;
  /** As in a request's context. */
  readonly assertAnswerable?: ((answer: unknown) => void) | undefined;
}

/**
 * Works out changes without making them: makes them in a transaction that is rolled back, and asks the engine for a preview of every
 * stack they touch. Stores the preview with what it stands for; when nothing forbids it, that is a plan that applies exactly this.
 */
export async function previewChanges(owner: PlanOwner, changes: readonly PlannedChange[], deps: PreviewDependencies): Promise<Preview> {
  const createdAt = deps.clock();
  const stamp = { now: createdAt.toISOString(), actor: owner.actor, ids: {}, ifMatch: owner.ifMatch };
  const base = new Map<string, string>();
  const { outcome, touched } = await deps.transactions.dryRun(async (tx) => {
    const result = await makeChanges(tx, changes, stamp, deps);
    const stacks = await touchedStacks(tx, result, deps.runtimes);
    for (const [key, version] of baseOf(result, stacks, deps.runtimes)) {
      base.set(key, version);
    }
    return { outcome: result, touched: stacks };
  });
  const stacks = { ...(await previewStacks(touched, deps)), unseen: touched.filter(({ reachable }) => !reachable) };
  const items = [...(await itemsOfWritten(outcome, stacks)), ...(await itemsOfOthers(outcome, stacks))];
  const [firstPage, ...morePages] = pagesOf(items);
  const id: PlanId = newId("pln");
  const isForbidden = outcome.verdicts.some((verdict) => !verdict.allowed) || problemsOf(outcome).some((problem) => !problem.pending);
  const preview: Preview = {
    id,
    ...(!isForbidden && { planId: id }),
    createdAt: createdAt.toISOString(),
    expiresAt: new Date(createdAt.getTime() + PLAN_TTL_MS).toISOString(),
    ...firstPage,
    boundaries: shownBoundaries(stacks.boundaries),
    verdicts: shownVerdicts(outcome.verdicts),
    summary: summaryOf(items, stacks.boundaries, outcome.verdicts),
  };
  const plan: Plan = {
    id,
    tenantId: await planTenant(owner, deps.transactions),
    createdAt: preview.createdAt,
    expiresAt: preview.expiresAt,
    author: owner.actor.subject,
    changes: outcome.written.map(sealedChange),
    ids: stamp.ids,
    base: Object.fromEntries(base),
    digest: outcome.digest,
    preview,
    appliedAt: undefined,
  };
  owner.assertAnswerable?.(preview);
  await deps.transactions.tenant(plan.tenantId, (tx) => tx.plans.insert(plan, morePages));
  return preview;
}

/** @throws {ClawError} `preview.not_found` */
export async function getPlan(owner: PlanOwner, id: PlanId, deps: PreviewDependencies): Promise<Preview> {
  const tenantId = await planTenant(owner, deps.transactions);
  return deps.transactions.tenant(tenantId, async (tx) => (await tx.plans.get(id)).preview);
}

/** A page of what was shown, from the first one on. @throws {ClawError} `preview.not_found` */
export async function getPlanPage(
  owner: PlanOwner,
  id: PlanId,
  cursor: string | undefined,
  deps: PreviewDependencies,
): Promise<PreviewPage> {
  const tenantId = await planTenant(owner, deps.transactions);
  return deps.transactions.tenant(tenantId, async (tx) => {
    if (cursor !== undefined) {
      return tx.plans.getPage(id, cursor);
    }
    const { items, nextCursor } = (await tx.plans.get(id)).preview;
    return { items, ...(nextCursor !== undefined && { nextCursor }) };
  });
}

/**
 * Makes exactly the changes of a plan, and answers its preview with what was written. Applying it again does nothing.
 * @throws {ClawError} `preview.stale` when anything it was computed from has changed since, naming what
 */
export async function applyPlan(
  owner: PlanOwner,
  id: PlanId,
  deps: PreviewDependencies,
): Promise<{ readonly preview: Preview; readonly written: readonly Written[] }> {
  const tenantId = await planTenant(owner, deps.transactions);
  return deps.transactions.platform(async (tx) => {
    const plan = await (await tx.enter(tenantId)).plans.get(id);
    if (plan.appliedAt !== undefined) {
      return { preview: plan.preview, written: [] };
    }
    const now = deps.clock().toISOString();
    if (plan.expiresAt <= now) {
      throw stale(`preview '${id}' expired at ${plan.expiresAt}`, []);
    }
    const outcome = await makeChanges(tx, plan.changes, { now: plan.createdAt, actor: owner.actor, ids: { ...plan.ids } }, deps).catch(
      (error: unknown) => {
        throw error instanceof ClawError && error.status < 500 ? stale(error.message, []) : error;
      },
    );
    const moved = movedSince(plan.base, baseOf(outcome, await touchedStacks(tx, outcome, deps.runtimes), deps.runtimes));
    if (moved.length > 0 || outcome.digest !== plan.digest) {
      throw stale(`what preview '${id}' was computed from has changed`, moved);
    }
    assertAllowed(outcome);
    await (await tx.enter(tenantId)).plans.markApplied(id, now);
    owner.assertAnswerable?.(plan.preview);
    return { preview: plan.preview, written: outcome.written };
  });
}

function stale(detail: string, moved: readonly string[]): ClawError {
  const issues = moved.map((key) => ({ path: key, message: "changed since the preview", fix: "preview again" }));
  return new ClawError("preview.stale", `${detail}; nothing was applied; preview again`, { issues });
}

async function planTenant({ actor, tenantId }: PlanOwner, transactions: Transactions): Promise<TenantId> {
  if (!actor.platform && tenantId !== undefined) {
    return tenantId;
  }
  return (await transactions.platform((tx) => tx.tenants.get(SHARED_TENANT))).id;
}

/**
 * What an outcome was computed from: each resource's version before, how far its reconciliation was, and what its stacks get of the
 * cluster and the tenant.
 */
function* baseOf(outcome: Outcome, touched: readonly TouchedStack[], runtimes: Runtimes): Iterable<[string, string]> {
  for (const item of outcome.written) {
    yield [targetKey(item.change), item.before ? String(item.before.resourceVersion) : "absent"];
  }
  for (const item of outcome.affected) {
    const before = item.before?.instance;
    yield [
      `ClawInstance/${item.tenant}/${item.name}`,
      before ? `${before.resourceVersion}/${before.generation}/${before.status.observedGeneration}` : "absent",
    ];
  }
  for (const { tenant, cluster, target } of touched) {
    const base = runtimes.at(cluster).previewBase(target);
    if (base !== undefined) {
      yield [`Boundary/${tenant}/${cluster}`, digestOf(base)];
    }
  }
}

function movedSince(base: Readonly<Record<string, string>>, current: Iterable<[string, string]>): string[] {
  const now = new Map(current);
  return [...new Set([...Object.keys(base), ...now.keys()])].filter((key) => base[key] !== now.get(key));
}

/** The change as it is stored: secrets sealed as they were written. */
function sealedChange({ change, after }: Written): PlannedChange {
  if (change.action !== "apply" || !after) {
    return change;
  }
  const { resourceVersion: _, ...metadata } = change.manifest.metadata;
  return { ...change, manifest: { ...change.manifest, metadata, spec: after.spec, status: undefined } as typeof change.manifest };
}

/** What the engine says of the stacks, and those that it could not be asked about. */
interface StackPreviews extends StackChanges {
  readonly unseen: readonly TouchedStack[];
}

function itemsOfWritten(outcome: Outcome, stacks: StackPreviews): Promise<PreviewItem[]> {
  const affectedBy = new Map(outcome.affected.map((affected) => [`${affected.tenant}/${affected.name}`, affected]));
  const problems = new Set(problemsOf(outcome));
  return inTurns(outcome.written, (item): PreviewItem => {
    const own = { kind: item.kind, name: item.name, tenant: item.tenant, op: item.op, diffs: manifestDiff(item.before, item.after) };
    const affected = item.kind === "ClawInstance" ? affectedBy.get(`${item.tenant}/${item.name}`) : undefined;
    return affected
      ? {
          ...own,
          ...consequences(affected, stacks, problems, item.placementReason),
          ...(item.change.action === "kill" && { effect: "kill" as const }),
        }
      : { ...own, effect: "none", files: [], resources: [], problems: unseenBoundaries(item, stacks.unseen) };
  });
}

/** Instances that change though no manifest names them, because a template they use does. */
function itemsOfOthers(outcome: Outcome, stacks: StackPreviews): Promise<PreviewItem[]> {
  const named = new Set(outcome.written.filter((item) => item.kind === "ClawInstance").map(({ tenant, name }) => `${tenant}/${name}`));
  const others = outcome.affected.filter(({ tenant, name }) => !named.has(`${tenant}/${name}`));
  return inTurns(others, (affected): PreviewItem => {
    const what = consequences(affected, stacks, new Set());
    // It may be only the boundary that changes. What can't be seen is taken for a change.
    const isSame = what.effect === "none" && what.files.length === 0 && what.problems.length === 0 && what.resources.every(isKept);
    return { kind: "ClawInstance", name: affected.name, tenant: affected.tenant, op: isSame ? "same" : "update", diffs: [], ...what };
  });
}

function isKept({ op }: ResourceChange): boolean {
  return op === "same" || op === "read";
}

function consequences(affected: Affected, stacks: StackPreviews, problems: ReadonlySet<ConfigIssue>, reason?: string) {
  const before = affected.before?.resolved;
  const after = affected.after?.resolved;
  const own = [...(stacks.byInstance.get(`${affected.tenant}/${affected.name}`) ?? [])];
  const mask = [...(affected.before?.secretValues ?? []), ...(affected.after?.secretValues ?? [])];
  return {
    effect: effectOf(affected, stacks.exchanged.has(`${affected.tenant}/${affected.name}`)),
    files: diffFiles(before?.runtime.files ?? [], after?.runtime.files ?? [], mask).filter((file) => file.diff !== ""),
    ...(affected.after && { placement: placementOf(affected.after.instance, reason) }),
    resources: own,
    problems: [
      ...(affected.after?.issues ?? []).filter((problem) => problems.has(problem)).map(toPreviewProblem),
      ...unseenProblems(affected, stacks.unseen),
    ],
  };
}

function placementOf({ cluster, movedFrom }: Instance, reason: string | undefined): NonNullable<PreviewItem["placement"]> {
  return { cluster, ...(movedFrom !== undefined && { from: movedFrom }), ...(reason !== undefined && { reason }) };
}

function unseenProblems({ tenant, name }: Affected, unseen: readonly TouchedStack[]): PreviewItem["problems"] {
  return unseen
    .filter((stack) => stack.tenant === tenant && stack.instances.some((instance) => instance.name === name))
    .map(({ cluster }) => unseenProblem("status.cluster", cluster));
}

function unseenBoundaries({ tenant, boundaries = [] }: Written, unseen: readonly TouchedStack[]): PreviewItem["problems"] {
  return unseen
    .filter((stack) => stack.tenant === tenant && boundaries.includes(stack.cluster))
    .map(({ cluster }) => unseenProblem("spec.quota", cluster));
}

function unseenProblem(path: string, cluster: string): PreviewItem["problems"][number] {
  const message = `cluster '${cluster}' can't be reached, so its resources are not shown; the change is made when it is back`;
  return { path, message, blocking: false };
}

function toPreviewProblem({ path, message, fix, pending }: ConfigIssue): PreviewItem["problems"][number] {
  return { path, message, ...(fix !== undefined && { fix }), blocking: !pending };
}

function effectOf(affected: Affected, isExchanged: boolean): (typeof ChangeEffect)[keyof typeof ChangeEffect] {
  const before = affected.before?.resolved;
  const after = affected.after?.resolved;
  if (!affected.after) {
    return "delete";
  }
  if (!after) {
    // It can't be resolved: whatever runs goes on.
    return "none";
  }
  if (!after.running) {
    return before?.running ? "stop" : "none";
  }
  if (!before?.running) {
    return "start";
  }
  const isRestart = before.runtime.restartDigest !== after.runtime.restartDigest || before.restartedAt !== after.restartedAt;
  if (isRestart || isExchanged) {
    return "restart";
  }
  return JSON.stringify(before.runtime.files) === JSON.stringify(after.runtime.files) ? "none" : "hot-reload";
}

function manifestDiff(before: StoredResource | undefined, after: StoredResource | undefined) {
  const view = (resource: StoredResource | undefined) =>
    resource && { metadata: { labels: resource.labels, annotations: resource.annotations }, spec: resource.spec };
  return diffValues(view(before), view(after));
}
