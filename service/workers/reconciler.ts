import type { Logger } from "pino";
import {
  ClawError,
  ConditionReason,
  clusterOf,
  EventType,
  type InstanceId,
  type StackTarget,
  stackNameOf,
  type TenantId,
} from "../../sdk/contract/index.ts";
import { wantedOf } from "../application/instances/deliver.ts";
import { isLost } from "../application/instances/lost.ts";
import { recordEvent, recordStates } from "../application/instances/report-status.ts";
import { type Resolution, type ResolveDependencies, resolveInstances } from "../application/instances/resolve-instance.ts";
import type { Runtime, Runtimes } from "../application/ports/runtimes/runtime.ts";
import {
  OperationLostError,
  type StackAdministration,
  type StackOperation,
  type StackOperations,
  type StackResult,
} from "../application/ports/stacks/stack-operations.ts";
import type { TenantTransaction, Transactions } from "../application/ports/transactions.ts";
import { inTurns } from "../application/resources/in-turns.ts";
import type { Wanted } from "../domain/instances/delivery.ts";
import type { Instance } from "../domain/instances/instance.ts";
import { afterBegin, afterOperation, hasLeft, isFinal, type OperationOutcome } from "../domain/instances/phase.ts";
import { rulesAt } from "../domain/runtimes/runtimes.ts";
import type { Tenant } from "../domain/tenancy/tenant.ts";
import { type Loop, startLoop } from "./loop.ts";
import { followOperation, type OperationEnd } from "./operation-follower.ts";

/** Instances of one stack that one operation takes. */
const BATCH = 100;
const STACKS = 50;
const IDLE_MS = 1000;

export interface ReconcilerDependencies extends ResolveDependencies {
  readonly transactions: Transactions;
  readonly stacks: StackOperations;
  readonly administration: Pick<StackAdministration, "forget">;
  readonly runtimes: Runtimes;
  readonly clock: () => Date;
  /** Calls back whenever desired state has changed. */
  readonly onWake: (listener: () => void) => void;
  readonly log: Logger;
}

/**
 * Makes desired state true: takes each stack's due instances, works out what they are to be, and runs one operation for them.
 * Level-triggered: whatever died half-way is due still. Stacks run beside one another, a stack's operations one after another: a cluster
 * that is slow or gone keeps its own instances waiting only.
 */
export function startReconciler(deps: ReconcilerDependencies): Loop {
  const busy = new Map<string, Promise<void>>();
  const loop = startLoop(
    "reconciler",
    IDLE_MS,
    async () => {
      for (const { tenant, cluster } of await deps.transactions.platform((tx) => tx.work.listStacksDue(STACKS))) {
        const key = `${tenant.id}/${cluster}`;
        if (busy.has(key)) {
          continue;
        }
        const run = reconcileStack(tenant, cluster, deps)
          .catch((err: unknown) => deps.log.error({ err, tenantId: tenant.id, cluster }, "reconciling a stack failed; it is tried again"))
          .finally(() => {
            busy.delete(key);
            loop.wake();
          });
        busy.set(key, run);
      }
      return false;
    },
    deps.log,
  );
  deps.onWake(loop.wake);
  return {
    wake: loop.wake,
    async stop() {
      await loop.stop();
      await Promise.all(busy.values());
    },
  };
}

interface Work {
  readonly instance: Instance;
  readonly resolution: Resolution | undefined;
  /** Undefined for one that goes, or can't be resolved. */
  readonly wanted: Wanted | undefined;
}

/** From here on until the operation's end is written down, nothing is delivered to its instances. */
async function begin(tx: TenantTransaction, items: readonly Work[], now: string): Promise<void> {
  const wantedOf = new Map(items.flatMap(({ instance, wanted }) => (wanted ? [[instance.id, wanted] as const] : [])));
  const change = (current: Instance) => {
    const wanted = wantedOf.get(current.id);
    return wanted ? afterBegin(current, wanted, now) : current.status;
  };
  await recordStates(tx, [...wantedOf.keys()], change, now);
}

/** What the stack holds of an instance when an operation on it has failed: where that was to change none of it, what it held before. */
function frameLeft({ instance, wanted }: Work): { frame?: string } {
  const frame = instance.status.delivery?.frame;
  return frame !== undefined && frame === wanted?.frame ? { frame } : {};
}

async function reconcileStack(tenant: Tenant, cluster: string, deps: ReconcilerDependencies): Promise<void> {
  if (await deps.transactions.platform((tx) => isLost(tx, cluster))) {
    return letGo(tenant, cluster, deps);
  }
  const runtime = deps.runtimes.at(cluster);
  const { work, target } = await deps.transactions.platform(async (tx) => {
    const scope = await tx.enter(tenant.id);
    const due = await scope.instances.listDue(cluster, BATCH);
    const resolutions = await resolveInstances(
      tx,
      scope,
      tenant.name,
      due.filter((instance) => !leaves(instance)),
      deps,
    );
    const resolutionOf = new Map(resolutions.map((resolution) => [resolution.instance.id, resolution]));
    // After the instances: one that is due for a change of the tenant or the cluster is due for what is read here, or newer.
    const at = await runtime.target(tx, await tx.tenants.get(tenant.id), cluster);
    const items = await inTurns(due, (instance): Work => {
      const resolution = resolutionOf.get(instance.id);
      const place = { tenant: tenant.name, target: at, runtimes: deps.runtimes };
      const wanted = resolution?.resolved && wantedOf(instance, resolution.resolved, place).wanted;
      return { instance, resolution, wanted };
    });
    await begin(await tx.enter(tenant.id), items, deps.clock().toISOString());
    return { work: items, target: at };
  });
  const isResolved = ({ instance, resolution }: Work) => leaves(instance) || resolution?.resolved !== undefined;
  const unresolved = work.filter((item) => !isResolved(item));
  for (const { instance, resolution } of unresolved) {
    const message = (resolution?.issues ?? [])
      .map((issue) => `${issue.path}: ${issue.message}${issue.fix ? ` (${issue.fix})` : ""}`)
      .join("; ");
    await settle(
      tenant,
      instance,
      {
        ok: false,
        generation: instance.generation,
        reason: ConditionReason.ConfigInvalid,
        message,
        final: true,
        frame: instance.status.delivery?.frame,
      },
      deps,
    );
  }
  const [ending, ready] = partition(work.filter(isResolved), ({ instance }) => leaves(instance) && hasLeft(instance));
  for (const { instance } of ending) {
    const gone: OperationOutcome = { ok: true, generation: instance.generation, ...configOf(undefined) };
    await settle(tenant, instance, await afterEnd(gone, instance, { tenant, target, runtime }, deps), deps);
  }
  if (ready.length === 0) {
    return;
  }
  for (const { instance } of ready) {
    // What stays is found again: it keeps nobody else's operation waiting.
    await runtime
      .restore(target, tenant, instance.status.drift)
      .catch((err: unknown) => deps.log.warn({ err, cluster, instance: instance.id }, "what others added was not taken out"));
  }
  const outcomeOf = await runOperation(
    {
      tenantId: tenant.id,
      spec: { tenant: tenant.name, target, instances: ready.flatMap(({ resolution }) => resolution?.resolved ?? []) },
      instances: ready.map(({ instance }) => ({ name: instance.name, project: instance.projectName })),
      refresh: ready.some(
        ({ instance: { status } }) => status.drift.length > 0 || (rulesAt(cluster).readsAfterFailure && status.attempts > 0),
      ),
    },
    ready,
    runtime,
    deps,
  );
  const outcomes = ready.map((item) => ({ item, outcome: outcomeOf(item) }));
  const [applied, others] = partition(outcomes, ({ item, outcome }) => outcome.ok && !leaves(item.instance));
  // First: nobody waits for what others leave behind to be cleaned up.
  await settleApplied(
    tenant,
    applied.map(({ item, outcome }) => ({ id: item.instance.id, outcome })),
    deps,
  );
  for (const { item, outcome } of others) {
    const place = { tenant, target, runtime };
    await settle(tenant, item.instance, outcome.ok ? await afterEnd(outcome, item.instance, place, deps) : outcome, deps);
  }
}

/** Takes what is to be let go of from a stack whose cluster can't be asked; everything else waits until it can. */
async function letGo(tenant: Tenant, cluster: string, deps: ReconcilerDependencies): Promise<void> {
  const due = await deps.transactions.tenant(tenant.id, ({ instances }) => instances.listDue(cluster, BATCH));
  const forgotten = due.filter(({ forget }) => forget);
  const stack = { tenantId: tenant.id, stack: stackNameOf(tenant.name, cluster) };
  const names = forgotten.map(({ name }) => name);
  const outcomeOf = await deps.administration.forget(stack, names).then(
    () =>
      (generation: number): OperationOutcome => ({ ok: true, generation, ...configOf(undefined) }),
    (error: unknown) => {
      if (error instanceof ClawError && error.code === "stack.locked") {
        return (): OperationOutcome => ({ ok: false, waitsFor: ConditionReason.StackLocked, message: error.message });
      }
      throw error;
    },
  );
  for (const instance of forgotten) {
    await settle(tenant, instance, outcomeOf(instance.generation), deps);
  }
}

function partition<T>(items: readonly T[], passes: (item: T) => boolean): [passing: T[], others: T[]] {
  const { passing = [], others = [] } = Object.groupBy(items, (item) => (passes(item) ? "passing" : "others"));
  return [passing, others];
}

/** Writes what became of the instances that are as they are to be: of a fleet most, so all at once. */
async function settleApplied(
  tenant: Tenant,
  applied: readonly { readonly id: InstanceId; readonly outcome: OperationOutcome }[],
  deps: ReconcilerDependencies,
): Promise<void> {
  const now = deps.clock().toISOString();
  const outcomeOf = new Map(applied.map(({ id, outcome }) => [id, outcome]));
  await deps.transactions.tenant(tenant.id, (tx) =>
    recordStates(
      tx,
      [...outcomeOf.keys()],
      (current) => {
        const outcome = outcomeOf.get(current.id);
        return outcome ? afterOperation(current, outcome, now) : current.status;
      },
      now,
    ),
  );
}

/** Where a stack's instances are. */
interface Place {
  readonly tenant: Tenant;
  readonly target: StackTarget;
  readonly runtime: Runtime;
}

/**
 * Deletes the data of an instance that is gone from its stack, destroyed or moved, if they are to go, and lets nobody have its name before its pod has ended. The
 * stack is not asked to: it may never have made the instance, or hold another wish of what becomes of its data, and a wish can be written
 * there only for an instance that can be set up.
 */
async function afterEnd(
  outcome: OperationOutcome,
  { id, generation, purgeData, spec }: Instance,
  { tenant, target, runtime }: Place,
  deps: ReconcilerDependencies,
): Promise<OperationOutcome> {
  try {
    const left = await runtime.cleanUp(target, tenant.name, id, purgeData || spec.deletionPolicy === "delete");
    return left.length === 0
      ? outcome
      : { ok: false, waitsFor: ConditionReason.StillEnding, message: `it is gone when these are: ${left.join(", ")}` };
  } catch (err) {
    deps.log.warn({ err, tenantId: tenant.id, instance: id }, "what an instance left could not be deleted; it is tried again");
    const message = err instanceof Error ? err.message : String(err);
    return { ok: false, generation, reason: ConditionReason.DataNotDeleted, message, final: false };
  }
}

function configOf(resolution: Resolution | undefined) {
  return { configVersion: resolution?.configVersion, configDigest: resolution?.resolved?.runtime.configCheck?.digest };
}

/** Whether an instance is to go from the stack: it is being destroyed, or moves. */
function leaves(instance: Instance): boolean {
  return instance.deletedAt !== undefined || instance.movedFrom !== undefined;
}

type OutcomeOf = (item: Work) => OperationOutcome;

async function runOperation(
  operation: StackOperation,
  ready: readonly Work[],
  runtime: Runtime,
  deps: ReconcilerDependencies,
): Promise<OutcomeOf> {
  const failed = (item: Work, reason: string, message: string): OperationOutcome => ({
    ok: false,
    generation: item.instance.generation,
    reason,
    message,
    final: isFinal(item.instance, reason),
    ...frameLeft(item),
  });
  const followed = ready.map(({ instance }) => ({ ...instance, kind: leaves(instance) ? ("remove" as const) : ("apply" as const) }));
  const follower = followOperation(operation.tenantId as TenantId, followed, deps);
  let result: StackResult;
  try {
    result = await deps.stacks.up(operation, follower.onProgress);
  } catch (err) {
    const isLocked = err instanceof ClawError && err.code === "stack.locked";
    const end: OperationEnd = err instanceof OperationLostError ? "interrupted" : "failed";
    await follower.end(() => (isLocked ? undefined : end));
    if (isLocked) {
      return (item) => ({
        ok: false,
        waitsFor: ConditionReason.StackLocked,
        message: err.message,
        frame: item.instance.status.delivery?.frame,
      });
    }
    deps.log.warn({ err, tenantId: operation.tenantId }, "a stack operation failed; it is tried again");
    const message = err instanceof ClawError ? err.message : "the operation failed; see the service's log";
    return (item) => failed(item, ConditionReason.OperationFailed, message);
  }
  const failureOf = (name: string) =>
    result.failures.find(({ instance }) => instance === name) ?? result.failures.find(({ instance }) => instance === undefined);
  await follower.end((name) => (failureOf(name) ? "failed" : "succeeded"));
  const { target } = operation.spec;
  const lacking = ready.flatMap(({ instance, resolution, wanted }) =>
    resolution?.resolved && instance.status.agent?.stored !== wanted?.handed ? [resolution.resolved] : [],
  );
  // A changed boot file should reach an instance that runs now: it is what a config reload is made of.
  await runtime
    .deliverFiles(target, lacking, result.changes)
    .catch((err: unknown) => deps.log.warn({ err, cluster: clusterOf(target) }, "changed files reach their claws within a minute"));
  return (item) => {
    const { instance, resolution, wanted } = item;
    const failure = failureOf(instance.name);
    return failure
      ? failed(item, failure.reason ?? ConditionReason.ResourceFailed, failure.message)
      : { ok: true, generation: instance.generation, ...configOf(resolution), frame: wanted?.frame };
  };
}

/** Writes what became of an instance; one that is gone with all its resources leaves the database. */
async function settle(tenant: Tenant, instance: Instance, outcome: OperationOutcome, deps: ReconcilerDependencies): Promise<void> {
  const now = deps.clock().toISOString();
  await deps.transactions.tenant(tenant.id, async (tx: TenantTransaction) => {
    if (outcome.ok && instance.movedFrom !== undefined) {
      // It is due still, where it goes to.
      await tx.instances.markMoved(instance.id);
      return;
    }
    if (outcome.ok && instance.deletedAt !== undefined) {
      if (!(await tx.instances.delete(instance.id, instance.generation))) {
        // It was destroyed once more meanwhile, now with its data: that is due still.
        return;
      }
      await tx.publish({
        id: `evt_${instance.id}_destroyed`,
        event: "instance.destroyed",
        time: now,
        data: { uid: instance.id, name: instance.name },
      });
      return;
    }
    if (!outcome.ok && !("waitsFor" in outcome)) {
      await recordEvent(tx, instance.id, { type: EventType.Warning, reason: outcome.reason, message: outcome.message }, now);
    }
    await recordStates(tx, [instance.id], (current) => afterOperation(current, outcome, now), now);
  });
}
