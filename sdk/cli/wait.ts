import { type Claw, TimeoutError, UserAbortError } from "../client/index.ts";
import { type ClawInstance, ConditionReason, ConditionType } from "../contract/index.ts";
import type { Context } from "./context.ts";
import { CliError } from "./failure.ts";
import { formatDuration } from "./output/age.ts";
import { LiveTree, type TreeNode } from "./output/tree.ts";

/** An instance to wait for. */
export interface WaitTarget {
  readonly name: string;
  readonly tenant?: string | undefined;
  /** Wait until there is none any more. */
  readonly gone?: boolean;
  /** The generation to see done; the one that is read first when absent. */
  readonly generation?: number | undefined;
}

/** Where an instance is on its way to what its specification says. */
export type Progress =
  | { readonly state: "running"; readonly note: string }
  | { readonly state: "done"; readonly note: string }
  | { readonly state: "failed"; readonly note: string };

/** Judges an instance by its own words: phase, conditions, and whether they are about its newest generation. */
export function progressOf(instance: ClawInstance, generation = instance.metadata.generation): Progress {
  const { phase, observedGeneration, readyReplicas, conditions } = instance.status;
  const ready = conditions.find((condition) => condition.type === ConditionType.Ready);
  const reason = ready && ready.status !== "True" ? `${ready.reason}${ready.message ? `: ${ready.message}` : ""}` : "";
  const note = reason && ready?.reason !== phase ? `${phase}, ${reason}` : phase;
  if (observedGeneration < Math.max(generation, instance.metadata.generation)) {
    return { state: "running", note };
  }
  if (phase === "Failed") {
    return { state: "failed", note };
  }
  const provisioned = conditions.find(({ type }) => type === ConditionType.Provisioned);
  if (provisioned?.status === "False") {
    // It was given up; what ran before may run on.
    return { state: "failed", note: `${phase}, ${provisioned.reason}: ${provisioned.message}` };
  }
  const config = instance.spec.running ? conditions.find(({ type }) => type === ConditionType.ConfigSynced) : undefined;
  if (config?.status === "False" || config?.reason === ConditionReason.Applying) {
    // A refusal from before the last change is about another configuration.
    const isRefused = config.status === "False" && Date.parse(config.lastTransitionTime) >= Date.parse(instance.metadata.updatedAt);
    return { state: isRefused ? "failed" : "running", note: `${phase}, ConfigSynced is ${config.status}: ${config.message}` };
  }
  const reached = instance.spec.running
    ? phase === "Running" && ready?.status !== "False" && readyReplicas >= instance.spec.replicas
    : phase === "Stopped";
  return { state: reached ? "done" : "running", note };
}

interface Tracked {
  readonly target: WaitTarget;
  readonly since: number;
  progress: Progress;
  endedAt?: number;
  instance?: ClawInstance;
}

/** Waits until all instances are what they should be, showing a live tree on a terminal and lines elsewhere. */
export async function waitFor(context: Context, targets: readonly WaitTarget[], timeoutMs: number): Promise<void> {
  if (targets.length === 0) {
    return;
  }
  const tracked = targets.map((target): Tracked => ({ target, since: Date.now(), progress: { state: "running", note: "waiting" } }));
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([context.signal, timeout]);
  const { io, out } = context;
  const live = io.stderr.isTTY ? new LiveTree(io.stderr, out.paintNote, () => tracked.map(toNode)) : undefined;
  try {
    await Promise.all(tracked.map((item) => follow(context, item, signal, tracked.length, live === undefined)));
  } catch (error) {
    if (error instanceof UserAbortError && timeout.aborted && !context.signal.aborted) {
      throw notInTime(tracked, timeoutMs, error);
    }
    throw error;
  } finally {
    live?.stop();
  }
  const failed = tracked.filter((item) => item.progress.state === "failed");
  if (failed[0]) {
    const { name } = failed[0].target;
    throw new CliError(`${failed.map((item) => `instance/${item.target.name}`).join(", ")} failed`, {
      why: failed[0].progress.note,
      fix: `see 'claw describe ${name}' and 'claw logs ${name}'`,
    });
  }
}

async function follow(context: Context, item: Tracked, signal: AbortSignal, count: number, lines: boolean): Promise<void> {
  const { target } = item;
  const claw: Claw = target.tenant === undefined ? context.claw : context.claw.withOptions({ tenant: target.tenant });
  const move = (progress: Progress) => {
    if (lines && progress.note !== item.progress.note) {
      context.out.note(`instance/${target.name}: ${progress.note}`);
    }
    item.progress = progress;
  };
  try {
    // Many instances are asked after less often, so that waiting does not become load.
    for await (const instance of claw.instances.watch(target.name, { signal, intervalMs: Math.max(300, 25 * count) })) {
      item.instance = instance;
      const progress = progressOf(instance, target.generation);
      if (target.gone) {
        move({ state: instance.status.phase === "Destroyed" ? "done" : "running", note: progress.note });
      } else {
        move(progress);
      }
      if (item.progress.state !== "running") {
        item.endedAt = Date.now();
        return;
      }
    }
  } catch (error) {
    if (!(target.gone && error instanceof Error && "status" in error && error.status === 404)) {
      throw error;
    }
  }
  item.endedAt = Date.now();
  move(target.gone ? { state: "done", note: "destroyed" } : { state: "failed", note: "destroyed meanwhile" });
}

function toNode({ target, since, progress, endedAt, instance }: Tracked): TreeNode {
  const conditions = progress.state === "done" ? [] : (instance?.status.conditions ?? []);
  return {
    label: `instance/${target.name}`,
    state: progress.state,
    note: `${progress.note}  ${formatDuration((endedAt ?? Date.now()) - since)}`,
    children: conditions.map((condition) => ({
      label: condition.type,
      state: condition.status === "True" ? "done" : "idle",
      note: condition.status === "True" ? undefined : condition.message || condition.reason,
    })),
  };
}

function notInTime(tracked: readonly Tracked[], timeoutMs: number, cause: unknown): CliError {
  const late = tracked.filter((item) => item.progress.state === "running");
  const name = late[0]?.target.name ?? "";
  return new CliError(`not done within ${formatDuration(timeoutMs)}: ${late.map((item) => `instance/${item.target.name}`).join(", ")}`, {
    why: late[0]?.progress.note,
    fix: `it goes on without this command; see 'claw describe ${name}', or wait longer with --timeout`,
    cause: new TimeoutError("waiting took too long", { cause }),
  });
}
