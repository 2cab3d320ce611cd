import type { ResourceState } from "../contract/checkpoint.ts";
import { edgesOf } from "../contract/edges.ts";
import type { Execution } from "./execution.ts";
import { mapReferences } from "./graph.ts";
import type { StepExecutor } from "./step-executor.ts";
import type { Step } from "./steps.ts";
import type { Targets } from "./targets.ts";

/**
 * Reads every resource again, all at the same time, and makes what was read the base of the operation; those in `already` were read
 * while the program ran.
 */
export async function refreshStates(
  execution: Execution,
  executor: StepExecutor,
  targets: Targets,
  filter: (state: ResourceState) => boolean = () => true,
  already: ReadonlyMap<ResourceState, ResourceState | undefined> = new Map(),
): Promise<void> {
  const { base, snapshot } = execution;
  if (targets.withTargetDependents) {
    await base.ensureDependents(targets.targets.literals);
  }
  const steps: Step[] = base
    .list()
    .filter((state) => filter(state) && targets.includes(state))
    .map((old) => ({ op: "refresh", urn: old.urn, old, new: old }));
  await executor.runParallel(steps);
  if (snapshot.failure) {
    throw snapshot.failure;
  }
  const refreshed = new Map([...already, ...steps.map((step) => [step.old as ResourceState, step.new] as const)]);
  const gone = [...refreshed].flatMap(([old, now]) => (now ? [] : [old.urn]));
  // What refers to a resource that is gone must forget it.
  await base.ensureDependents(gone);
  await rebuildBase(execution, refreshed);
  if (executor.failedUrns.size > 0) {
    execution.stop.abort();
  }
}

/** Puts the read states in place of the old ones; nothing may refer to those that are gone. */
async function rebuildBase(execution: Execution, refreshed: ReadonlyMap<ResourceState, ResourceState | undefined>): Promise<void> {
  // What the program registered may have another name than its old state. What it left out has no ID.
  const registered = [...execution.news.values()].filter((state) => !state.custom || state.id);
  const referable = new Set(registered.map((state) => state.urn));
  const parentOf = new Map<string, string | undefined>();
  const changed: { old: ResourceState; now: ResourceState | undefined }[] = [];
  execution.base.rebuild((old) => {
    const read = refreshed.has(old) ? refreshed.get(old) : old;
    parentOf.set(old.urn, old.parent);
    if (!read) {
      changed.push({ old, now: undefined });
      return undefined;
    }
    // What the program registered in this run was written already, with references that hold.
    const isRegistered = !refreshed.has(old) && execution.news.has(old.urn);
    const now = isRegistered ? old : withoutDangling(read, referable, parentOf);
    referable.add(now.urn);
    if (now !== old) {
      changed.push({ old, now });
    }
    return now;
  });
  if (changed.length === 0) {
    return;
  }
  await execution.snapshot.change((change) => {
    for (const { old, now } of changed) {
      if (now) {
        change.put(now, { takesOver: old });
      } else {
        change.remove(old);
      }
    }
  });
}

function withoutDangling(
  state: ResourceState,
  referable: ReadonlySet<string>,
  parentOf: ReadonlyMap<string, string | undefined>,
): ResourceState {
  if (edgesOf(state).every((edge) => edge.kind === "provider" || referable.has(edge.urn))) {
    return state;
  }
  const now = mapReferences(state, (urn, kind) => (kind === "provider" || kind === "parent" || referable.has(urn) ? urn : undefined));
  let parent = now.parent;
  while (parent && !referable.has(parent)) {
    parent = parentOf.get(parent);
  }
  if (parent) {
    now.parent = parent;
  } else {
    delete now.parent;
  }
  return now;
}
