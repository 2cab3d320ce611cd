import { type Claw, type Instance, type Progress, WaitError, WaitTimeoutError } from "../client/index.ts";
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
}

interface Tracked {
  readonly target: WaitTarget;
  readonly since: number;
  progress: Progress;
  endedAt?: number;
  instance?: Instance | undefined;
  error?: WaitError;
}

/** Waits until all instances are what they should be, showing a live tree on a terminal and lines elsewhere. */
export async function waitFor(context: Context, targets: readonly WaitTarget[], timeoutMs: number): Promise<void> {
  if (targets.length === 0) {
    return;
  }
  const tracked = targets.map((target): Tracked => ({ target, since: Date.now(), progress: { state: "waiting", note: "waiting" } }));
  const { io, out } = context;
  const live = io.stderr.isTTY ? new LiveTree(io.stderr, out.paintNote, () => tracked.map(toNode)) : undefined;
  // One that can't be asked after ends the others' waiting too.
  const giveUp = new AbortController();
  const signal = AbortSignal.any([context.signal, giveUp.signal]);
  try {
    const clawOf = clients(context.claw);
    await Promise.all(tracked.map((item) => follow(context, clawOf(item.target.tenant), item, { signal, timeoutMs, lines: !live })));
  } finally {
    giveUp.abort();
    live?.stop();
  }
  throwFailures(tracked, timeoutMs);
}

/** One client for each tenant: it is a client that keeps its looks apart from one another. */
function clients(claw: Claw): (tenant: string | undefined) => Claw {
  const made = new Map<string, Claw>();
  return (tenant) => {
    if (tenant === undefined) {
      return claw;
    }
    const client = made.get(tenant) ?? claw.withOptions({ tenant });
    made.set(tenant, client);
    return client;
  };
}

interface FollowOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly lines: boolean;
}

async function follow({ out }: Context, claw: Claw, item: Tracked, { signal, timeoutMs, lines }: FollowOptions): Promise<void> {
  const { target } = item;
  try {
    await claw.instances.wait(target.name, {
      until: target.gone ? "Destroyed" : "Declared",
      signal,
      timeoutMs,
      onProgress(progress, instance) {
        if (lines && progress.note !== item.progress.note) {
          out.note(`instance/${target.name}: ${progress.note}`);
        }
        item.progress = progress;
        item.instance = instance;
      },
    });
  } catch (error) {
    if (!(error instanceof WaitError)) {
      throw error;
    }
    item.error = error;
  }
  item.endedAt = Date.now();
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

function throwFailures(tracked: readonly Tracked[], timeoutMs: number): void {
  const namesOf = (items: readonly Tracked[]) => items.map(({ target }) => `instance/${target.name}`).join(", ");
  const failed = tracked.filter(({ error }) => error && !(error instanceof WaitTimeoutError));
  const late = tracked.filter(({ error }) => error instanceof WaitTimeoutError);
  const [first = late[0]] = failed;
  if (!first) {
    return;
  }
  const { name } = first.target;
  const parts = { why: first.progress.note, cause: first.error };
  throw failed.length > 0
    ? new CliError(`${namesOf(failed)} failed`, { ...parts, fix: `see 'claw describe ${name}' and 'claw logs ${name}'` })
    : new CliError(`not done within ${formatDuration(timeoutMs)}: ${namesOf(late)}`, {
        ...parts,
        fix: `it goes on without this command; see 'claw describe ${name}', or wait longer with --timeout`,
      });
}
