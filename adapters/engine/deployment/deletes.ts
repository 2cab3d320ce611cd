import type { ResourceState } from "../contract/checkpoint.ts";
import type { Execution } from "./execution.ts";
import { deletionAntichains, dependencyClosure, dependentsOf } from "./graph.ts";
import type { StepExecutor } from "./step-executor.ts";
import type { StepGenerator } from "./step-generator.ts";
import { deleteOp } from "./step-generator.ts";
import type { Step } from "./steps.ts";
import { untargetedSame } from "./steps.ts";
import type { Targets } from "./targets.ts";

/** Deletes what the program no longer has and what replacements left behind: dependents first, independent ones at the same time. */
export async function deleteLeftovers(
  execution: Execution,
  generator: StepGenerator,
  executor: StepExecutor,
  targets: Targets,
): Promise<void> {
  const isTargeted = await deletionFilter(execution, generator, targets);
  const { sames, deletes } = await planDeletes(execution, generator, targets, isTargeted);
  await executor.runChain(sames);
  const stepOf = new Map(deletes.map((step) => [step.old, step]));
  const known = new Set(execution.base.list());
  const registered = generator.toDelete.filter((state) => !known.has(state));
  // What the program no longer registers may depend on what it does, never the other way round.
  const list = [...registered, ...known];
  const registeredByUrn = Map.groupBy(registered, (state) => state.urn);
  const findAll = (urn: string) => [...execution.base.findAll(urn), ...(registeredByUrn.get(urn) ?? [])];
  for (const states of deletionAntichains(list, new Set(deletes.map((step) => step.old as ResourceState)))) {
    // What a resource that could not be deleted still needs must stay.
    const needed = dependencyClosure(executor.failedStates, findAll);
    const chain = states.flatMap((state) => (needed.has(state) ? [] : (stepOf.get(state) ?? [])));
    await executor.runParallel(chain);
  }
}

async function planDeletes(
  execution: Execution,
  generator: StepGenerator,
  targets: Targets,
  isTargeted: (state: ResourceState) => boolean,
): Promise<{ sames: Step[]; deletes: Step[] }> {
  const { base } = execution;
  const sames: Step[] = [];
  const deletes: Step[] = [];
  for (const old of base.list()) {
    const { urn } = old;
    if (!isTargeted(old)) {
      if (!generator.isDecided(urn) && !old.delete) {
        sames.push(untargetedSame(old));
      }
    } else if (old.delete) {
      if (generator.replacements.deletedAhead.has(old)) {
        continue;
      }
      execution.deletes.add(urn);
      deletes.push({ op: deleteOp(old), urn, old, new: undefined });
    } else if (!generator.isDecided(urn)) {
      execution.deletes.add(urn);
      deletes.push({
        op: old.pendingReplacement ? "remove-pending-replace" : old.external ? "discard" : "delete",
        urn,
        old,
        new: undefined,
      });
    }
  }
  for (const old of generator.toDelete) {
    if (!isTargeted(old)) {
      continue;
    }
    execution.deletes.add(old.urn);
    deletes.push({ op: old.external ? "discard" : "delete", urn: old.urn, old, new: undefined });
  }
  refuseUntargeted(execution, targets, deletes);
  return { sames: base.partial ? [] : sames, deletes };
}

/** A target can't be deleted while others depend on it, unless those are targeted too. */
function refuseUntargeted(execution: Execution, targets: Targets, deletes: readonly Step[]): void {
  if (!targets.targets.isConstrained || targets.withTargetDependents) {
    return;
  }
  let refused = false;
  for (const { urn } of deletes) {
    if (targets.targets.matches(urn)) {
      continue;
    }
    refused = true;
    execution.sawError = true;
    execution.events.diagnostic(
      "error",
      `Resource '${urn}' will be destroyed but was not specified in --target list.\n` +
        "Either include resource in --target list or pass --target-dependents to proceed.",
      urn,
    );
  }
  if (refused && !execution.dryRun) {
    execution.stop.abort();
  }
}

async function deletionFilter(
  execution: Execution,
  generator: StepGenerator,
  targets: Targets,
): Promise<(state: ResourceState) => boolean> {
  const { base } = execution;
  const withDependents = (roots: readonly ResourceState[]) =>
    new Set([...roots, ...dependentsOf(base.list(), roots)].map((state) => state.urn));
  if (targets.targets.isConstrained) {
    await base.ensureDependents(targets.targets.literals);
    const allowed = withDependents(base.list().filter((state) => targets.targets.matches(state.urn)));
    for (const urn of [...allowed]) {
      for (const state of generator.replacements.cascadesOf(urn)) {
        allowed.add(state.urn);
      }
    }
    return (state) => allowed.has(state.urn);
  }
  if (targets.excludes.isConstrained) {
    const roots = base.list().filter((state) => targets.excludes.matches(state.urn));
    let kept = dependencyClosure(roots, (urn) => base.findAll(urn));
    // What an excluded resource needs stays, and with it what depends on that in turn: one after the other until nothing is added.
    for (let before = -1; targets.withExcludeDependents && before !== kept.size; ) {
      before = kept.size;
      const dependents = dependentsOf(base.list(), [...kept]);
      kept = dependencyClosure([...kept, ...dependents], (urn) => base.findAll(urn));
    }
    const keptUrns = new Set([...kept].map((state) => state.urn));
    return (state) => !keptUrns.has(state.urn);
  }
  return () => true;
}
