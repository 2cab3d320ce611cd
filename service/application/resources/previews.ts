import { ClawError, factsOf, newId, type PlanId, type Preview, type PreviewItem, type TenantId } from "../../../sdk/contract/index.ts";
import type { Actor } from "../../domain/access/actor.ts";
import { allows } from "../../domain/access/grants.ts";
import { changedResource, changeKey, type PlannedChange } from "../../domain/change.ts";
import { diffValues } from "../../domain/diff.ts";
import { type PreviewPage, pagesOf, shownBoundaries, shownVerdicts, summaryOf } from "../../domain/preview-pages.ts";
import type { StoredResource } from "../../domain/resource.ts";
import type { Hold, Room } from "../../domain/room.ts";
import { SHARED_TENANT } from "../../domain/tenancy/tenant.ts";
import type { Plan } from "../ports/resources/plan-repository.ts";
import type { PlatformTransaction, Transactions } from "../ports/transactions.ts";
import {
  assertAllowed,
  type ChangeDependencies,
  foundOut,
  isAllowed,
  makeChanges,
  type Outcome,
  tellViolations,
  whatFollows,
} from "./changes.ts";
import type { Shown, Trace } from "./consequences.ts";
import { inTurns } from "./in-turns.ts";
import type { Stamp, Written } from "./kind.ts";
import type { IfMatch, RequestContext } from "./route-handlers.ts";

const PLAN_TTL_MS = 60 * 60 * 1000;

export interface PreviewDependencies extends ChangeDependencies {
  readonly transactions: Transactions;
  readonly clock: () => Date;
  /** For what previews show, while they are made. */
  readonly previewRoom: Room;
}

/** Who asks, and for which tenant; `ifMatch` is of a single change. Plans of platform actors, which may be about several tenants, are kept with the shared one. */
export interface PlanOwner {
  readonly actor: Actor;
  readonly tenant: RequestContext["tenant"];
  readonly ifMatch?: IfMatch | undefined;
  /** As in a request's context. */
  readonly assertAnswerable?: ((answer: unknown) => void) | undefined;
  readonly warn?: RequestContext["warn"];
}

/**
 * Works out changes without making them: makes them in a transaction that is rolled back, and asks the engine for a preview of every
 * stack they touch. Stores the preview with what it stands for; when nothing forbids it, that is a plan that applies exactly this.
 */
export async function previewChanges(owner: PlanOwner, changes: readonly PlannedChange[], deps: PreviewDependencies): Promise<Preview> {
  const hold = deps.previewRoom.hold();
  try {
    return await previewIn(hold, owner, changes, deps);
  } finally {
    hold.release();
  }
}

async function previewIn(hold: Hold, owner: PlanOwner, changes: readonly PlannedChange[], deps: PreviewDependencies): Promise<Preview> {
  const createdAt = deps.clock();
  const stamp = { now: createdAt.toISOString(), actor: owner.actor, ids: {}, ifMatch: owner.ifMatch };
  const { outcome, trace } = await foundOut((look) =>
    deps.transactions.dryRun(async (tx) => {
      // Of a try before this one nothing is kept.
      hold.release();
      const all = [...changes, ...(await whatFollows(tx, changes, stamp, deps))];
      const made = await makeChanges(tx, all, stamp, deps, { show: hold });
      look(made);
      return { outcome: made, trace: await made.effects.trace(tx) };
    }),
  );
  const shown = await trace.show();
  const { written, effects } = outcome;
  const items = [...(await inTurns(written, (item) => itemOf(item, shown))), ...(await shown.others())];
  const [firstPage, ...morePages] = pagesOf(items);
  const id: PlanId = newId("pln");
  const preview: Preview = {
    id,
    ...(isAllowed(outcome) && { planId: id }),
    createdAt: createdAt.toISOString(),
    expiresAt: new Date(createdAt.getTime() + PLAN_TTL_MS).toISOString(),
    ...firstPage,
    boundaries: shownBoundaries(shown.boundaries),
    verdicts: shownVerdicts(effects.verdicts),
    summary: summaryOf(items, shown.boundaries, effects.verdicts),
  };
  const plan: Plan = {
    id,
    tenantId: await deps.transactions.platform((tx) => planTenant(tx, owner)),
    createdAt: preview.createdAt,
    expiresAt: preview.expiresAt,
    author: owner.actor.subject,
    changes: written.map(sealedChange),
    ids: stamp.ids,
    base: baseOf(written, trace),
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
  return deps.transactions.platform(async (tx) => (await findPlan(tx, owner, id)).plan.preview);
}

/** A page of what was shown, from the first one on. @throws {ClawError} `preview.not_found` */
export async function getPlanPage(
  owner: PlanOwner,
  id: PlanId,
  cursor: string | undefined,
  deps: PreviewDependencies,
): Promise<PreviewPage> {
  return deps.transactions.platform(async (tx) => {
    const { plan, plans } = await findPlan(tx, owner, id);
    if (cursor !== undefined) {
      return plans.getPage(id, cursor);
    }
    const { items, nextCursor } = plan.preview;
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
  const planned = await deps.transactions.platform(async (tx) => (await findPlan(tx, owner, id)).plan);
  const later = planned.changes.filter((change) => change.later);
  if (later.length > 0 && planned.appliedAt === undefined) {
    await foundOut((look) =>
      deps.transactions.dryRun(async (tx) => {
        const now = deps.clock().toISOString();
        const stamp = { now: planned.createdAt, actor: owner.actor, ids: { ...planned.ids }, plan: { id, appliedAt: now, later } };
        await makePlanned(tx, planned, planned.changes, stamp, deps, look);
      }),
    );
  }
  const { outcome: made, ...applied } = await foundOut((look) =>
    deps.transactions.platform(async (tx) => {
      const { plan, plans } = await findPlan(tx, owner, id);
      if (plan.appliedAt !== undefined) {
        return { preview: plan.preview, written: [], outcome: undefined };
      }
      const now = deps.clock().toISOString();
      if (plan.expiresAt <= now) {
        throw stale(`preview '${id}' expired at ${plan.expiresAt}`, []);
      }
      const own = plan.changes.filter((change) => !change.later);
      const stamp = { now: plan.createdAt, actor: owner.actor, ids: { ...plan.ids }, plan: { id, appliedAt: now, later } };
      const outcome = await makePlanned(tx, plan, own, stamp, deps, look);
      await plans.markApplied(id, now);
      owner.assertAnswerable?.(plan.preview);
      return { preview: plan.preview, written: outcome.written, outcome };
    }),
  );
  if (made) {
    tellViolations(made, owner, deps);
  }
  return applied;
}

/** Makes changes of a plan as they were shown; where they are not all of it, the whole of it was found to be as it was shown just before. @throws {ClawError} `preview.stale` */
async function makePlanned(
  tx: PlatformTransaction,
  plan: Plan,
  changes: readonly PlannedChange[],
  stamp: Stamp,
  deps: PreviewDependencies,
  look: (outcome: Outcome) => void,
): Promise<Outcome> {
  const outcome = await makeChanges(tx, changes, stamp, deps).catch((error: unknown) => {
    const isMoved = error instanceof ClawError && error.status < 500 && error.code !== "auth.forbidden";
    throw isMoved ? stale(error.message, []) : error;
  });
  look(outcome);
  if (changes.length === plan.changes.length) {
    const moved = movedSince(plan.base, baseOf(outcome.written, await outcome.effects.trace(tx)));
    if (moved.length > 0 || outcome.digest !== plan.digest) {
      throw stale(`what preview '${plan.id}' was computed from has changed`, moved);
    }
  }
  // Whoever applies it has seen that it says so.
  assertAllowed(outcome, deps, plan.preview.summary.unchecked > 0);
  return outcome;
}

function stale(detail: string, moved: readonly string[]): ClawError {
  const issues = moved.map((key) => ({ path: key, message: "changed since the preview", fix: "preview again" }));
  return new ClawError("preview.stale", `${detail}; nothing was applied; preview again`, { issues });
}

/** A plan shows what it is about: to its author, and to those who may see all of that. */
function maySee({ actor, tenant }: PlanOwner, plan: Plan): boolean {
  const isOfTenant = plan.changes.every(
    (change) => change.tenant === tenant?.name && factsOf(changedResource(change).kind).scope === "tenant",
  );
  const place = isOfTenant ? { tenantId: plan.tenantId } : {};
  return plan.author === actor.subject || allows(actor.grants, "instances.read", place);
}

/** Where a plan of somebody is kept. */
async function planTenant(tx: PlatformTransaction, { actor, tenant }: PlanOwner): Promise<TenantId> {
  return !actor.platform && tenant ? tenant.id : (await tx.tenants.get(SHARED_TENANT)).id;
}

/** Somebody's own, or one that somebody of the request's tenant has made. @throws {ClawError} `preview.not_found` */
async function findPlan(tx: PlatformTransaction, owner: PlanOwner, id: PlanId) {
  const own = await planTenant(tx, owner);
  for (const tenantId of new Set([own, owner.tenant?.id ?? own])) {
    const { plans } = await tx.enter(tenantId);
    const plan = await plans.find(id);
    if (plan && maySee(owner, plan)) {
      return { plan, plans };
    }
  }
  throw new ClawError("preview.not_found", `there is no preview '${id}'; it may have expired, make another`);
}

/** What an outcome was computed from: each resource's version before, and what its effects rest on. */
function baseOf(written: readonly Written[], { base }: Trace): Readonly<Record<string, string>> {
  const versions = written.map(({ change, before }) => [changeKey(change), before ? String(before.resourceVersion) : "absent"] as const);
  return Object.fromEntries([...versions, ...base]);
}

function movedSince(base: Readonly<Record<string, string>>, now: Readonly<Record<string, string>>): string[] {
  return [...new Set([...Object.keys(base), ...Object.keys(now)])].filter((key) => base[key] !== now[key]);
}

/** The change as it is stored: secrets sealed as they were written. */
function sealedChange({ change, after }: Written): PlannedChange {
  if (change.action !== "apply" || !after) {
    return change;
  }
  const { resourceVersion: _, ...metadata } = change.manifest.metadata;
  return { ...change, manifest: { ...change.manifest, metadata, spec: after.spec, status: undefined } as typeof change.manifest };
}

function itemOf(written: Written, shown: Shown): PreviewItem {
  const { kind, name, tenant, op, before, after } = written;
  return { kind, name, tenant, op, diffs: manifestDiff(before, after), ...shown.of(written) };
}

function manifestDiff(before: StoredResource | undefined, after: StoredResource | undefined) {
  const view = (resource: StoredResource | undefined) =>
    resource && { metadata: { labels: resource.labels, annotations: resource.annotations }, spec: resource.spec };
  return diffValues(view(before), view(after));
}
