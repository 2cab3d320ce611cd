import type { PendingOperationType, ResourceState } from "../contract/checkpoint.ts";
import { edgesOf } from "../contract/edges.ts";
import { ResourceInitError } from "../contract/provider.ts";
import { isRootUrn } from "../contract/urn.ts";
import { isSecret, makeSecret, type PropertyMap } from "../contract/values.ts";
import { applyStep, callsProvider, DATA_LOSS, DeleteProtectedError, runAfterHooks } from "./apply-step.ts";
import { errorText } from "./error-text.ts";
import type { Execution } from "./execution.ts";
import { BailError, Limiter } from "./execution.ts";
import { deepEqual } from "./properties.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Step, StepOp } from "./steps.ts";
import { isLogical } from "./steps.ts";

const pendingTypes: Partial<Record<Step["op"], PendingOperationType>> = {
  create: "creating",
  "create-replacement": "creating",
  update: "updating",
  delete: "deleting",
  "delete-replaced": "deleting",
  read: "reading",
  "read-replacement": "reading",
  import: "importing",
  "import-replacement": "importing",
};

/** Failures that Pulumi tells as leaving things as they were. */
const harmlessOps: ReadonlySet<StepOp> = new Set(["create", "create-replacement"]);

/** gRPC codes after which nobody knows what happened: UNKNOWN, INTERNAL, DATA_LOSS. An error without a code says as little. */
const unknownCodes = new Set([2, 13, 15]);

export type ChainResult = "done" | "failed" | "skipped" | "stopped";

/** Runs chains of steps, a bounded number at a time; records them in the checkpoint and the event stream. */
export class StepExecutor {
  /** URNs that failed or were left out because of a failure, when errors do not stop the operation. */
  readonly failedUrns = new Set<string>();
  readonly failedStates = new Set<ResourceState>();
  readonly #execution: Execution;
  readonly #limiter: Limiter;
  readonly #running = new Set<Promise<unknown>>();
  /** The last step of each resource: its outputs may still be registered. */
  readonly #registered = new Map<string, Step>();
  #rootOutputs: { urn: string; outputs: PropertyMap } | undefined;

  constructor(execution: Execution) {
    this.#execution = execution;
    this.#limiter = new Limiter(execution.request.options.parallel);
  }

  /** Runs the steps one after the other; the first failure ends the chain. */
  async runChain(steps: readonly Step[]): Promise<ChainResult> {
    const needsSlot = steps.some((step) => callsProvider(step, this.#execution) || step.op === "refresh");
    const running = needsSlot ? this.#limiter.run(() => this.#chain(steps)) : this.#chain(steps);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }
  runParallel(steps: readonly Step[]): Promise<ChainResult[]> {
    return Promise.all(steps.map((step) => this.runChain([step])));
  }
  /** Waits for everything that was started. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) {
      await Promise.allSettled([...this.#running]);
    }
  }

  async #chain(steps: readonly Step[]): Promise<ChainResult> {
    for (const step of steps) {
      if (this.#execution.stopped) {
        return "stopped";
      }
      if (this.failedUrns.size > 0 && this.#dependsOnFailed(step)) {
        this.failedUrns.add(step.urn);
        return "skipped";
      }
      try {
        await this.#run(step);
      } catch (error) {
        return this.#failed(step, error);
      }
    }
    return "done";
  }
  #dependsOnFailed(step: Step): boolean {
    const state = step.new ?? step.old;
    if (!state || step.new === undefined) {
      return false;
    }
    return edgesOf(state).some((edge) => edge.kind !== "provider" && this.failedUrns.has(edge.urn));
  }

  #failed(step: Step, error: unknown): ChainResult {
    const execution = this.#execution;
    execution.sawError = true;
    if (execution.snapshot.failure) {
      execution.stop.abort();
      return "failed";
    }
    if (!(error instanceof StepError)) {
      execution.fail(error, step.urn);
    }
    // Nothing was attempted for a protected resource, so the others may still be reported or deleted.
    const goesOn =
      execution.request.options.continueOnError ||
      step.op === "refresh" ||
      (error instanceof StepError && error.cause instanceof DeleteProtectedError);
    if (!goesOn) {
      execution.stop.abort();
      return "failed";
    }
    this.failedUrns.add(step.urn);
    for (const state of [step.old, step.new]) {
      if (state) {
        this.failedStates.add(state);
      }
    }
    return "failed";
  }

  async #run(step: Step): Promise<void> {
    const { events, snapshot, dryRun } = this.#execution;
    events.stepStarts(step);
    const pendingType = callsProvider(step, this.#execution) ? pendingTypes[step.op] : undefined;
    const pending = pendingType && (step.new ?? step.old);
    const operationId = pending && (await snapshot.begin(pendingType, pending));
    let failure: ResourceInitError | undefined;
    try {
      failure = await applyStep(step, this.#execution);
    } catch (error) {
      this.#reportFailure(step, error);
      if (operationId) {
        await snapshot.change((change) => change.end(operationId));
      }
      throw new StepError(error);
    }
    this.#settle(step);
    if (failure) {
      this.#reportFailure(step, failure);
      // The resource was not made with the new inputs: the next update must see them as a change again.
      if (step.op === "update" && step.new) {
        step.new.inputs = step.old?.inputs ?? {};
      }
    } else {
      events.stepSucceeded(step);
    }
    if (!dryRun) {
      const recording = recordStep(step, snapshot, operationId, failure !== undefined);
      if (recording) {
        await recording;
      }
    }
    if (failure) {
      throw new StepError(failure);
    }
  }

  #reportFailure(step: Step, error: unknown): void {
    const code = (error as { code?: unknown }).code;
    const lost =
      !(error instanceof DeleteProtectedError) &&
      (!harmlessOps.has(step.op) || code === DATA_LOSS) &&
      (callsProvider(step, this.#execution) || (step.op === "refresh" && !this.#execution.dryRun)) &&
      (typeof code !== "number" || unknownCodes.has(code));
    const status = error instanceof ResourceInitError ? 1 : lost ? 2 : 0;
    if (status === 2) {
      this.#execution.maybeCorrupt = true;
    }
    if (error instanceof BailError) {
      return;
    }
    this.#execution.events.stepFailed(step, status, errorText(error));
  }

  /** Marks secret outputs and makes the state known to those who look resources up. */
  #settle(step: Step): void {
    if (isLogical(step) && step.new) {
      this.#registered.set(step.urn, step);
    }
    const state = step.new;
    if (!state || step.op === "replace") {
      return;
    }
    if (state.additionalSecretOutputs?.includes("id")) {
      const message = "The 'id' property cannot be made secret. See pulumi/pulumi#2717 for more details.";
      this.#execution.events.diagnostic("warning", message, state.urn);
    }
    const before = state.outputs;
    if (before) {
      state.outputs = withSecretOutputs(state, before);
      // What is secret now is shown as that on both sides.
      if (step.old?.outputs === before) {
        step.old.outputs = state.outputs;
      }
    }
    (step.op === "read" || step.op === "read-replacement" ? this.#execution.reads : this.#execution.news).set(state.urn, state);
  }

  async registerOutputs(urn: string, outputs: PropertyMap): Promise<void> {
    if (isRootUrn(urn)) {
      // The stack's outputs are settled at the end, when it is known whether everything succeeded.
      this.#rootOutputs = { urn, outputs };
      return;
    }
    await this.#registerOutputs(urn, outputs);
  }
  async finishRootOutputs(failed: boolean): Promise<void> {
    const root = this.#rootOutputs;
    if (!root || !this.#registered.has(root.urn)) {
      return;
    }
    const old = this.#execution.base.find(root.urn)?.outputs ?? {};
    // After a failure an absent output may only be not computed yet.
    await this.#registerOutputs(root.urn, failed ? { ...old, ...root.outputs } : root.outputs);
  }
  /** A component is complete with its outputs. */
  async #runComponentHooks({ op, old }: Step, state: ResourceState): Promise<void> {
    const { inputs: newInputs, outputs: newOutputs } = state;
    if (op === "create") {
      await runAfterHooks(this.#execution, "AfterCreate", { state, newInputs, newOutputs });
    } else if (op === "update") {
      const before = { oldInputs: old?.inputs, oldOutputs: old?.outputs };
      await runAfterHooks(this.#execution, "AfterUpdate", { state, newInputs, newOutputs, ...before });
    }
  }
  async #registerOutputs(urn: string, outputs: PropertyMap): Promise<void> {
    const step = this.#registered.get(urn);
    const state = step?.new;
    if (!step || !state) {
      this.#execution.bail(`cannot complete a resource '${urn}' whose registration isn't pending`, urn);
    }
    this.#registered.delete(urn);
    if (step.skippedCreate) {
      return;
    }
    const before = state.outputs ?? {};
    state.outputs = outputs;
    if (!state.custom && state.resourceHooks) {
      await this.#runComponentHooks(step, state);
    }
    this.#execution.events.outputsRegistered(step);
    const { dryRun, deletes } = this.#execution;
    // A destroy that ran the program has deleted the stack itself by now.
    if (dryRun || step.untargeted || (isRootUrn(urn) && deletes.has(urn)) || deepEqual(before, outputs)) {
      return;
    }
    await this.#execution.snapshot.change((change) => change.put(state));
  }
}

/** The error that ended a step and is reported already; `cause` is what the provider said. */
class StepError extends Error {
  constructor(cause: unknown) {
    super(errorText(cause), { cause });
    this.name = "StepError";
  }
}

function withSecretOutputs(state: ResourceState, given: PropertyMap): PropertyMap {
  let outputs = given;
  const mark = (key: string) => {
    const value = Object.hasOwn(outputs, key) ? outputs[key] : undefined;
    if (value === undefined || isSecret(value)) {
      return;
    }
    if (outputs === given) {
      outputs = { ...given };
    }
    outputs[key] = makeSecret(value);
  };
  for (const key of state.additionalSecretOutputs ?? []) {
    if (key !== "id") {
      mark(key);
    }
  }
  for (const key in state.inputs) {
    if (isSecret(state.inputs[key])) {
      mark(key);
    }
  }
  return outputs;
}

/** Writes what a step did. Nothing is written for a resource that stayed as it was. */
function recordStep(step: Step, snapshot: Snapshot, operationId: string | undefined, isUnfinished: boolean): Promise<void> | undefined {
  const { old, new: now } = step;
  switch (step.op) {
    case "same":
      if (!old || !now || step.skippedCreate) {
        return undefined;
      }
      snapshot.adopt(now, old);
      if (step.untargeted || isSameState(old, now)) {
        return undefined;
      }
      return snapshot.change((change) => change.put(now, { takesOver: old }));
    case "replace":
    case "refresh":
      return undefined;
    case "remove-pending-replace":
      return snapshot.change((change) => old && change.remove(old));
    case "delete":
    case "delete-replaced":
    case "discard":
    case "discard-replaced":
      return snapshot.change((change) => {
        change.end(operationId);
        if (!old) {
          return;
        }
        if (step.pendingReplacement || isUnfinished) {
          change.put(old);
        } else {
          change.remove(old);
        }
      });
    default:
      return snapshot.change((change) => {
        change.end(operationId);
        if (!now) {
          return;
        }
        const isImport = step.op === "import" || step.op === "import-replacement";
        const predecessor = isImport ? step.original : old;
        if (predecessor?.delete) {
          change.put(predecessor);
          change.put(now, { beside: predecessor });
        } else {
          change.put(now, { takesOver: predecessor });
        }
      });
  }
}

/** The fields that make no difference when only they changed. */
const volatile = new Set(["created", "modified", "sourcePosition", "aliases"]);

function isSameState(old: ResourceState, now: ResourceState): boolean {
  for (const key of new Set([...Object.keys(old), ...Object.keys(now)]) as Set<keyof ResourceState>) {
    if (volatile.has(key)) {
      continue;
    }
    const before = old[key];
    const after = now[key];
    if (before === after) {
      continue;
    }
    if (key === "dependencies" && isSameSet(old.dependencies ?? [], now.dependencies ?? [])) {
      continue;
    }
    // Absent is Pulumi's way of writing false and empty.
    if (!deepEqual(emptyAsNull(before), emptyAsNull(after))) {
      return false;
    }
  }
  return true;
}
function emptyAsNull(value: unknown): PropertyMap[string] {
  if (value === undefined || value === false || value === "") {
    return null;
  }
  if (typeof value === "object" && value !== null && Object.keys(value).length === 0) {
    return null;
  }
  return value as PropertyMap[string];
}
function isSameSet(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((element) => right.includes(element));
}
