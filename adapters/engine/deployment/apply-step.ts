// One file, though a long one: each operation of a step is one function, and all of them change state by the same few rules.
import type { ResourceState } from "../contract/checkpoint.ts";
import { resetIgnored } from "../contract/property-path.ts";
import { ResourceInitError } from "../contract/provider.ts";
import { isProviderType, packageOf, parseUrn } from "../contract/urn.ts";
import { isUnknown, type PropertyMap } from "../contract/values.ts";
import { invertDiff } from "./diff.ts";
import type { Execution } from "./execution.ts";
import { deepEqual } from "./properties.ts";
import type { ConfiguredProvider, ResourceIdentity } from "./providers.ts";
import type { Step } from "./steps.ts";

/** Codes of gRPC, in which errors say what they leave unknown. */
const NOT_FOUND = 5;
const FAILED_PRECONDITION = 9;
export const DATA_LOSS = 15;

export class DeleteProtectedError extends Error {
  constructor(urn: string) {
    super(
      `resource "${urn}" cannot be deleted\n` +
        "because it is protected. To unprotect the resource, " +
        "either remove the `protect` flag from the resource in your Pulumi " +
        `program and run \`pulumi up\`, or use the command:\n\`pulumi state unprotect '${urn}'\``,
    );
    this.name = "DeleteProtectedError";
  }
}

/**
 * Does what the step says: calls the provider and fills the step's new state. Throws when nothing came of it; returns the error of a
 * resource that exists but is not ready, whose state is then worth keeping.
 */
export async function applyStep(step: Step, execution: Execution): Promise<ResourceInitError | undefined> {
  switch (step.op) {
    case "same":
      return applySame(step, execution);
    case "create":
    case "create-replacement":
      return applyCreate(step, execution);
    case "update":
      return applyUpdate(step, execution);
    case "delete":
    case "delete-replaced":
    case "discard":
    case "discard-replaced":
      return applyDelete(step, execution);
    case "read":
    case "read-replacement":
      return applyRead(step, execution);
    case "refresh":
      await applyRefresh(step, execution);
      return undefined;
    case "import":
    case "import-replacement":
      await applyImport(step, execution);
      return undefined;
    case "replace":
    case "remove-pending-replace":
      return undefined;
  }
}

/** Whether a real run calls a provider for this step, so that something may exist which the checkpoint does not know. */
export function callsProvider(step: Step, execution: Execution): boolean {
  const state = step.new ?? step.old;
  if (execution.dryRun || !state?.custom) {
    return false;
  }
  switch (step.op) {
    case "create":
    case "create-replacement":
    case "update":
    case "read":
    case "read-replacement":
    case "import":
    case "import-replacement":
      return true;
    case "delete":
    case "delete-replaced":
      return step.old !== undefined && deletesForReal(step.old, execution) && !isProtected(step);
    default:
      return false;
  }
}

function applySame(step: Step, execution: Execution): undefined | Promise<undefined> {
  const { old, new: now } = pair(step);
  if (old.id !== undefined) {
    now.id = old.id;
  }
  if (old.outputs) {
    now.outputs = old.outputs;
  }
  if (!isProviderType(now.type) || step.skippedCreate || step.untargeted) {
    return undefined;
  }
  // Old inputs: a provider that calls a change of its configuration no change goes on with what it had.
  return execution.providers.same({ ...now, ...(old.inputs && { inputs: old.inputs }) }).then(() => {
    if (old.urn !== now.urn) {
      execution.providers.alias(`${now.urn}::${now.id}`, `${old.urn}::${old.id}`);
    }
    return undefined;
  });
}

async function applyCreate(step: Step, execution: Execution): Promise<ResourceInitError | undefined> {
  const now = requireState(step.new);
  const inputs = now.inputs ?? {};
  const { hooks } = execution;
  const occasion = { state: now, newInputs: inputs };
  if (now.resourceHooks) {
    await hooks.run("BeforeCreate", occasion);
  }
  let failure: ResourceInitError | undefined;
  if (now.custom) {
    const created = isProviderType(now.type)
      ? await execution.providers.create(now.urn, inputs, execution.dryRun)
      : await keepPartial(
          async () => {
            const to = await provider(now, execution);
            const timeout = now.customTimeouts?.create ?? 0;
            return hooks.retrying("create", occasion, () => to.create(identify(now, execution), inputs, execution.dryRun, timeout));
          },
          (error) => {
            failure = error;
            return { id: error.id, outputs: error.outputs };
          },
        );
    if (!created.id && !execution.dryRun && !failure) {
      throw Object.assign(new Error(`plugin returned empty resource.ID from create '${now.urn}'`), { code: DATA_LOSS });
    }
    if (created.id) {
      now.id = created.id;
    }
    now.outputs = created.outputs;
  }
  if (failure) {
    now.initErrors = [...failure.reasons];
  }
  now.created = now.modified = new Date().toISOString();
  if (step.pendingDelete) {
    requireState(step.old).delete = true;
  }
  if (now.custom && now.resourceHooks && !failure) {
    await runAfterHooks(execution, "AfterCreate", { ...occasion, newOutputs: now.outputs });
  }
  return failure;
}

/** What was done stays done whatever a hook says afterwards; the operation fails. */
export async function runAfterHooks(
  execution: Execution,
  type: "AfterCreate" | "AfterUpdate" | "AfterDelete",
  occasion: Parameters<Execution["hooks"]["run"]>[1],
): Promise<void> {
  try {
    await execution.hooks.run(type, occasion);
  } catch (error) {
    execution.failAfterStep((error as Error).message, occasion.state.urn);
  }
}

async function applyUpdate(step: Step, execution: Execution): Promise<ResourceInitError | undefined> {
  const { old, new: now } = pair(step);
  if (old.id !== undefined) {
    now.id = old.id;
  }
  const inputs = now.inputs ?? {};
  const { hooks } = execution;
  const occasion = { state: now, newInputs: inputs, oldInputs: old.inputs, oldOutputs: old.outputs };
  if (now.resourceHooks) {
    await hooks.run("BeforeUpdate", occasion);
  }
  if (!now.custom) {
    return undefined;
  }
  let failure: ResourceInitError | undefined;
  now.outputs = isProviderType(now.type)
    ? await execution.providers.update(now.urn, old.id ?? "", inputs)
    : await keepPartial(
        async () => {
          const to = await provider(now, execution);
          const before = { id: old.id ?? "", inputs: old.inputs ?? {}, outputs: old.outputs ?? {} };
          const timeout = now.customTimeouts?.update ?? 0;
          return hooks.retrying("update", occasion, () =>
            to.update(identify(now, execution), before, inputs, step.ignoreChanges ?? [], execution.dryRun, timeout),
          );
        },
        (error) => {
          failure = error;
          return error.outputs;
        },
      );
  now.modified = new Date().toISOString();
  if (failure) {
    now.initErrors = [...failure.reasons];
  } else if (now.resourceHooks) {
    await runAfterHooks(execution, "AfterUpdate", { ...occasion, newOutputs: now.outputs });
  }
  return failure;
}

/** @returns the error of a resource that may be going: a later wish for it has to see to it, though it looks unchanged */
async function applyDelete(step: Step, execution: Execution): Promise<ResourceInitError | undefined> {
  const old = requireState(step.old);
  const { hooks } = execution;
  const occasion = { state: old, oldInputs: old.inputs, oldOutputs: old.outputs };
  if (old.resourceHooks) {
    await hooks.run("BeforeDelete", occasion);
  }
  let failure: ResourceInitError | undefined;
  if (isProtected(step)) {
    throw new DeleteProtectedError(old.urn);
  }
  if (!execution.dryRun && old.custom && !isProviderType(old.type) && deletesForReal(old, execution)) {
    const from = await provider(old, execution);
    const timeout = old.customTimeouts?.delete ?? 0;
    const { id = "", inputs = {}, outputs = {} } = old;
    await keepPartial(
      () => hooks.retrying("delete", occasion, () => from.delete(identify(old, execution), id, inputs, outputs, timeout)),
      (error) => {
        failure = error;
      },
    );
  }
  if (failure) {
    old.initErrors = [...failure.reasons];
    return failure;
  }
  if (step.pendingReplacement) {
    old.pendingReplacement = true;
  }
  if (old.resourceHooks) {
    await runAfterHooks(execution, "AfterDelete", occasion);
  }
  return undefined;
}
function isProtected(step: Step): boolean {
  return step.op === "delete" && step.old?.protect === true;
}
function deletesForReal(old: ResourceState, execution: Execution): boolean {
  return !old.external && !old.retainOnDelete && !(old.deletedWith && execution.deletes.has(old.deletedWith));
}

async function applyRead(step: Step, execution: Execution): Promise<ResourceInitError | undefined> {
  const now = requireState(step.new);
  const id = now.id ?? "";
  const inputs = now.inputs ?? {};
  let failure: ResourceInitError | undefined;
  if (isUnknown(id)) {
    now.outputs = {};
  } else {
    const from = await provider(now, execution);
    // Providers have always been given the inputs as the state too.
    const read = await keepPartial(
      () => from.read(identify(now, execution), id, inputs, inputs),
      (error) => {
        failure = error;
        return { id: error.id, inputs: undefined, outputs: error.outputs };
      },
    );
    if (!read.outputs || !read.id) {
      throw notFoundError(id);
    }
    now.outputs = read.outputs;
    now.id = read.id;
    if (failure) {
      now.initErrors = [...failure.reasons];
    }
  }
  const { old } = step;
  if (step.op === "read-replacement" && old) {
    old.delete = true;
  }
  if (old?.created) {
    now.created = old.created;
  }
  if (old?.modified) {
    now.modified = old.modified;
  }
  if (old && !(deepEqual(old.inputs ?? {}, inputs) && deepEqual(old.outputs ?? {}, now.outputs))) {
    now.modified = new Date().toISOString();
  }
  return failure;
}

async function applyRefresh(step: Step, execution: Execution): Promise<void> {
  const { old, new: wanted } = pair(step);
  if (!old.custom || isProviderType(old.type) || old.pendingReplacement) {
    // What a program registers counts as updated, though nothing was read.
    step.resultOp = wanted === old ? "same" : "update";
    step.new = wanted === old ? old : { ...old };
    return;
  }
  const from = await provider(old, execution);
  const identity = identify(old, execution);
  const oldInputs = old.inputs ?? {};
  const oldOutputs = old.outputs ?? {};
  let initErrors: readonly string[] = [];
  const read = await keepPartial(
    () => from.read(identity, old.id ?? "", oldInputs, oldOutputs),
    (error) => {
      initErrors = error.reasons;
      const unhealthy = `Refreshed resource is in an unhealthy state:\n* ${error.reasons.join("\n* ")}`;
      execution.events.diagnostic("warning", unhealthy, old.urn);
      return { id: error.id, inputs: error.inputs, outputs: error.outputs };
    },
  );
  if (!read.id || !read.outputs) {
    step.new = undefined;
    step.resultOp = "delete";
    return;
  }
  const now: ResourceState = { ...wanted, id: read.id, inputs: read.inputs ?? oldInputs, outputs: read.outputs };
  if (initErrors.length > 0) {
    now.initErrors = [...initErrors];
  } else {
    delete now.initErrors;
  }
  const changed = !deepEqual(now.inputs ?? {}, oldInputs) || !deepEqual(read.outputs, oldOutputs);
  if (changed) {
    now.modified = new Date().toISOString();
  }
  step.new = now;
  if (old.external) {
    step.resultOp = deepEqual(oldOutputs, read.outputs) ? "same" : "update";
    return;
  }
  const differing = from.diff(identity, read.id, now.inputs ?? {}, read.outputs, oldInputs, old.ignoreChanges ?? []);
  const diff = invertDiff(await differing.catch(throwHarmless));
  step.detailedDiff = diff.detailedDiff;
  step.diffs = diff.changedKeys;
  step.resultOp = diff.changes === "none" ? "same" : "update";
}

async function applyImport(step: Step, execution: Execution): Promise<void> {
  const now = requireState(step.new);
  const importId = now.importID ?? "";
  if (step.planned && execution.base.find(now.urn)) {
    throw new Error(`resource '${now.urn}' already exists`);
  }
  if (!now.custom) {
    now.created = now.modified = new Date().toISOString();
    step.old = { ...now };
    return;
  }
  const from = await provider(now, execution);
  const identity = identify(now, execution);
  let initErrors: readonly string[] = [];
  const read = await keepPartial(
    () => from.read(identity, importId, {}, {}),
    (error) => {
      initErrors = error.reasons;
      return { id: error.id, inputs: error.inputs, outputs: error.outputs };
    },
  );
  if (!read.outputs || !read.id) {
    throw notFoundError(importId);
  }
  if (!read.inputs) {
    const packageName = packageOf(now.type);
    throw new Error(`provider does not support importing resources; please try updating the '${packageName}' plugin`);
  }
  now.id = read.id;
  now.inputs = read.inputs;
  now.outputs = read.outputs;
  now.created = now.modified = new Date().toISOString();
  if (initErrors.length > 0) {
    now.initErrors = [...initErrors];
  }
  step.old = { ...now };
  if (step.planned) {
    delete now.importID;
    await warnOfInvalidImport(now, from, identity, execution);
    return;
  }
  const ignored = resetIgnored(read.inputs, read.inputs, step.ignoreChanges ?? []);
  now.inputs = ignored.inputs;
  if (step.op === "import-replacement" && step.original) {
    step.original.delete = true;
  }
}
async function warnOfInvalidImport(
  state: ResourceState,
  from: ConfiguredProvider,
  identity: ResourceIdentity,
  execution: Execution,
): Promise<void> {
  const inputs = state.inputs ?? {};
  const { failures } = await from.check(identity, inputs, inputs, { randomSeed: new Uint8Array(32) });
  if (failures.length === 0) {
    return;
  }
  execution.events.diagnostic(
    "warning",
    `One or more imported inputs failed to validate. This is almost certainly a bug in the \`${packageOf(state.type)}\` provider. ` +
      "The import will still proceed, but you will need to edit the generated code after copying it into your program.",
    state.urn,
  );
  reportCheckFailures("warning", state, failures, execution);
}

/** @returns whether there was any. */
export function reportCheckFailures(
  severity: "warning" | "error",
  state: ResourceState,
  failures: readonly { property: string; reason: string }[],
  execution: Execution,
): boolean {
  const { name } = parseUrn(state.urn);
  for (const { property, reason } of failures) {
    const problem = property
      ? `${state.type} resource '${name}': property ${property} value ${shown(state.inputs, property)} has a problem: ${reason}`
      : `${state.type} resource '${name}' has a problem: ${reason}`;
    execution.events.diagnostic(severity, problem, state.urn);
  }
  return failures.length > 0;
}
export function shown(inputs: PropertyMap | undefined, property: string): string {
  const value = inputs?.[property];
  if (value == null) {
    return "{<nil>}";
  }
  return typeof value === "object" ? "{[...]}" : `{${value}}`;
}

export function identify(state: ResourceState, execution: Execution): ResourceIdentity {
  const { urn, type } = state;
  return {
    urn,
    type,
    name: parseUrn(urn).name,
    signal: execution.request.signal,
    log: (severity, message) =>
      severity === "status"
        ? execution.events.diagnostic("info", message, urn, { ephemeral: true })
        : execution.events.diagnostic(severity, message, urn),
  };
}

async function provider(state: ResourceState, execution: Execution): Promise<ConfiguredProvider> {
  if (!state.provider) {
    throw new Error(`resource ${state.urn} has no provider`);
  }
  return execution.providers.get(state.provider);
}

/** The answer leaves nothing unknown. */
function notFoundError(id: string): Error {
  return Object.assign(new Error(`resource '${id}' does not exist`), { code: NOT_FOUND });
}

/** A comparison that fails leaves nothing unknown. */
function throwHarmless(error: Error): never {
  throw Object.assign(error, { code: FAILED_PRECONDITION });
}

async function keepPartial<T>(call: () => Promise<T>, partial: (error: ResourceInitError) => T): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof ResourceInitError) {
      return partial(error);
    }
    throw error;
  }
}

function requireState(state: ResourceState | undefined): ResourceState {
  if (!state) {
    throw new Error("a step misses its state");
  }
  return state;
}
function pair(step: Step): { old: ResourceState; new: ResourceState } {
  return { old: requireState(step.old), new: requireState(step.new) };
}
