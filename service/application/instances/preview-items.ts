import type { ChangeEffect, PreviewItem, ResourceChange } from "../../../sdk/contract/index.ts";
import type { ConfigIssue } from "../../domain/configs/resolve-config.ts";
import { diffFiles } from "../../domain/diff.ts";
import type { ItemEffects } from "../resources/consequences.ts";
import { inTurns } from "../resources/in-turns.ts";
import type { Written } from "../resources/kind.ts";
import { type Affected, keyOf, type Outcome, uncheckedOf } from "./affected.ts";
import type { StackChanges, TouchedStack } from "./preview-stacks.ts";

/** What the engine says of the stacks, and those that it could not be asked about. */
interface StackPreviews extends StackChanges {
  readonly unseen: readonly TouchedStack[];
  /** What may go wrong though nothing forbids it, by instance. */
  readonly warnings: ReadonlyMap<string, readonly PreviewItem["problems"][number][]>;
}

/** What a preview says of a resource that was written. @param affected undefined for what is no instance */
export function itemOf(
  written: Written,
  affected: Affected | undefined,
  stacks: StackPreviews,
  blocking: ReadonlySet<ConfigIssue>,
): ItemEffects {
  if (!affected) {
    return { effect: "none", files: [], resources: [], problems: unseenBoundaries(written, stacks.unseen) };
  }
  const effects = consequences(affected, stacks, blocking, written.reason);
  return written.change.action === "kill" ? { ...effects, effect: "kill" } : effects;
}

/** Instances that change though no manifest names them, because what they rest on does. */
export function itemsOfOthers(
  others: readonly Affected[],
  stacks: StackPreviews,
  blocking: ReadonlySet<ConfigIssue>,
): Promise<PreviewItem[]> {
  return inTurns(others, (affected): PreviewItem => {
    const what = consequences(affected, stacks, blocking);
    // It may be only the boundary that changes. What can't be seen is taken for a change.
    const isSame = what.effect === "none" && what.files.length === 0 && what.problems.length === 0 && what.resources.every(isKept);
    const op = affected.after === undefined ? "delete" : isSame ? "same" : "update";
    return { kind: "ClawInstance", name: affected.name, tenant: affected.tenant, op, diffs: [], ...what };
  });
}

function isKept({ op }: ResourceChange): boolean {
  return op === "same" || op === "read";
}

function consequences(affected: Affected, stacks: StackPreviews, blocking: ReadonlySet<ConfigIssue>, reason?: string): ItemEffects {
  const before = affected.before?.resolved;
  const after = affected.after?.resolved;
  const own = [...(stacks.byInstance.get(keyOf(affected)) ?? [])];
  const unchecked = uncheckedOf(affected);
  const mask = [...(affected.before?.secretValues ?? []), ...(affected.after?.secretValues ?? [])];
  return {
    effect: effectOf(affected, stacks.exchanged.has(keyOf(affected))),
    files: diffFiles(before?.runtime.files ?? [], after?.runtime.files ?? [], mask).filter((file) => file.diff !== ""),
    ...(affected.after && { placement: placementOf(affected.after.instance, reason) }),
    resources: own,
    ...(unchecked && { unchecked: unchecked.why }),
    problems: [
      ...(affected.after?.issues ?? [])
        .filter((issue) => blocking.has(issue) || affected.before?.isResolved)
        .map((issue) => toPreviewProblem(issue, blocking.has(issue) && !issue.pending)),
      ...(affected.forgottenAt === undefined ? [] : [forgottenProblem(affected.forgottenAt)]),
      ...(stacks.warnings.get(keyOf(affected)) ?? []),
      ...unseenProblems(affected, stacks.unseen),
    ],
  };
}

function placementOf({ cluster, movedFrom }: Outcome["instance"], reason: string | undefined): NonNullable<PreviewItem["placement"]> {
  return { cluster, ...(movedFrom !== undefined && { from: movedFrom }), ...(reason !== undefined && { reason }) };
}

function unseenProblems({ tenant, name }: Affected, unseen: readonly TouchedStack[]): PreviewItem["problems"] {
  return unseen
    .filter((stack) => stack.tenant === tenant && stack.instances.some((instance) => instance.name === name))
    .map(({ cluster }) => unseenProblem("status.cluster", cluster));
}

function forgottenProblem(cluster: string): PreviewItem["problems"][number] {
  const message = `what cluster '${cluster}' has of it is left there, its volumes among it; 'claw leftovers' tells of it should the cluster come back`;
  return { path: "status.cluster", message, blocking: false, warning: true };
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

function toPreviewProblem({ path, message, fix }: ConfigIssue, blocking: boolean): PreviewItem["problems"][number] {
  return { path, message, ...(fix !== undefined && { fix }), blocking };
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
