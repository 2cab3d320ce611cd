import { ClawError, type Manifest, type Preview } from "../../../sdk/contract/index.ts";
import { type PlannedChange, tenantOf } from "../../domain/change.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import { assertAllowed, foundOut, makeChanges, type Outcome, tellViolations, whatFollows } from "./changes.ts";
import type { Written } from "./kind.ts";
import { type PreviewDependencies, previewChanges } from "./previews.ts";
import type { RequestContext } from "./route-handlers.ts";

/** What requests for changes are served with. */
export interface RequestDependencies extends PreviewDependencies {
  /** Tells the reconciler that desired state changed. A lost call costs time, never work. */
  readonly wake: () => void;
}

/** The change that a manifest stands for, in the tenant that it or the request names. @throws {ClawError} when that is another's tenant */
export function applied(
  ctx: RequestContext,
  manifest: Manifest,
  meaning: { expect?: "absent" | "present"; draft?: boolean } = {},
): PlannedChange {
  assertUnsealed(manifest.spec, "spec");
  const tenant = tenantOf(manifest, ctx.tenant?.name);
  if (tenant === undefined) {
    throw new ClawError(
      "tenant.required",
      `${manifest.kind} '${manifest.metadata.name}' names no tenant; set metadata.namespace or the header X-Claw-Tenant`,
    );
  }
  assertTenant(ctx, tenant);
  return { action: "apply", manifest, tenant, ...meaning };
}

/** Another tenant is as if it did not exist. */
export function assertTenant(ctx: RequestContext, tenant: string): void {
  if (!ctx.actor.platform && tenant !== ctx.tenant?.name) {
    throw new ClawError("tenant.not_found", `there is no tenant '${tenant}'`);
  }
}

/** A manifest's name must be the one in the path. */
export function assertSameName(manifest: Manifest, stored: { readonly name: string }): void {
  if (manifest.metadata.name !== stored.name) {
    const message = `the manifest is named '${manifest.metadata.name}', the path names '${stored.name}'`;
    throw new ClawError("request.invalid", message, {
      issues: [{ path: "metadata.name", message, fix: "names can't be changed; use the stored name" }],
    });
  }
}

/** How a write is asked for. */
export interface WriteQuery {
  readonly preview?: boolean | undefined;
  readonly allowUnchecked?: boolean | undefined;
}

/** What becomes of a write in its answer, inside its transaction. */
type Presenter<T> = (written: Written, tx: PlatformTransaction) => T | Promise<T>;
/** Several are made together or not at all; the first of them is what is answered. */
type Changes = PlannedChange | readonly PlannedChange[];

/** What a use case answers for a change: the preview when the request asks for it (`?preview=true`), else what `present` makes of the write. */
export async function writeOrPreview<T>(
  ctx: RequestContext,
  query: WriteQuery,
  changes: Changes,
  deps: RequestDependencies,
  present: Presenter<T>,
): Promise<T | Preview> {
  return query.preview
    ? previewChanges({ actor: ctx.actor, tenant: ctx.tenant, ifMatch: ctx.ifMatch }, listed(changes), deps)
    : writeOne(ctx, changes, deps, present, query.allowUnchecked);
}

/**
 * Makes one change at once, refusing what quota, policy or validation forbid. Its event, the wish to reconcile and the making of its answer are in
 * the same transaction: what can't be answered is not done.
 */
export async function writeOne<T>(
  ctx: RequestContext,
  changes: Changes,
  deps: RequestDependencies,
  present: Presenter<T>,
  allowUnchecked = false,
): Promise<T> {
  await assertCanFollow(ctx, listed(changes), deps, allowUnchecked);
  const { outcome, answer } = await foundOut((look) =>
    deps.transactions.platform(async (tx) => {
      const made = await makeAll(tx, ctx, changes, deps);
      look(made);
      assertAllowed(made, deps, allowUnchecked);
      const [first] = made.written;
      if (!first) {
        throw new Error("a change was made without a result");
      }
      const presented = await present(first, tx);
      ctx.assertAnswerable?.(presented);
      return { outcome: made, answer: presented };
    }),
  );
  tellViolations(outcome, ctx, deps);
  await carryOut(outcome.written, deps);
  return answer;
}

/** Whether a change could be made now, by making it and taking it back. @throws {ClawError} as {@link writeOne} does */
export async function tryOne(ctx: RequestContext, change: PlannedChange, deps: RequestDependencies, allowUnchecked = false): Promise<void> {
  await foundOut((look) =>
    deps.transactions.dryRun(async (tx) => {
      const outcome = await makeAll(tx, ctx, change, deps);
      look(outcome);
      assertAllowed(outcome, deps, allowUnchecked);
    }),
  );
}

/** Whether what changes lead to could be made at once: what would be refused half-way is refused now. @throws {ClawError} as {@link writeOne} does */
async function assertCanFollow(
  ctx: RequestContext,
  changes: readonly PlannedChange[],
  deps: RequestDependencies,
  allowUnchecked: boolean,
): Promise<void> {
  // Most changes lead to nothing, and cost no transaction for it.
  const leading = new Set<string>(deps.kinds.filter(({ leads }) => leads).map(({ kind }) => kind));
  if (!changes.some((change) => change.action === "apply" && leading.has(change.manifest.kind))) {
    return;
  }
  await foundOut((look) =>
    deps.transactions.dryRun(async (tx) => {
      const stamp = { now: deps.clock().toISOString(), actor: ctx.actor, ids: {} };
      const following = await whatFollows(tx, changes, stamp, deps);
      const outcome = await makeChanges(tx, following, stamp, deps);
      look(outcome);
      assertAllowed(outcome, deps, allowUnchecked);
    }),
  );
}

function listed(changes: Changes): readonly PlannedChange[] {
  return "action" in changes ? [changes] : changes;
}

function makeAll(
  tx: PlatformTransaction,
  { actor, ifMatch }: RequestContext,
  changes: Changes,
  deps: RequestDependencies,
): Promise<Outcome> {
  return makeChanges(tx, listed(changes), { now: deps.clock().toISOString(), actor, ids: {}, ifMatch }, deps);
}

/** What follows once changes are committed: the reconciler is woken, and what kinds do without waiting for it. */
export async function carryOut(written: readonly Written[], { kinds, wake }: Pick<RequestDependencies, "kinds" | "wake">): Promise<void> {
  wake();
  for (const item of written) {
    for (const kind of kinds) {
      await kind.committed(item);
    }
  }
}

/** The form that secrets have at rest is ours alone. */
function assertUnsealed(value: unknown, path: string): void {
  if (typeof value !== "object" || value === null) {
    return;
  }
  for (const [key, item] of Object.entries(value)) {
    if (key === "$sealed") {
      const message = "the key '$sealed' is reserved";
      throw new ClawError("request.invalid", `${path}: ${message}`, {
        issues: [{ path, message, fix: "give the plain value; it is encrypted when stored" }],
      });
    }
    assertUnsealed(item, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`);
  }
}
