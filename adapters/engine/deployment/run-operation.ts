import { LeaseLostError } from "../contract/store.ts";
import type { OperationRequest, OperationResult } from "../operation.ts";
import { BaseState } from "./base-state.ts";
import { builtinProvider } from "./builtin-provider.ts";
import { deleteLeftovers } from "./deletes.ts";
import { Events } from "./events.ts";
import { BailError, Execution } from "./execution.ts";
import { dependencyClosure } from "./graph.ts";
import { importResources } from "./import-resources.ts";
import { Monitor } from "./monitor.ts";
import { ProgramBailedError, runProgram } from "./program.ts";
import { ProviderRegistry } from "./providers.ts";
import { refreshStates } from "./refresh.ts";
import { Snapshot } from "./snapshot.ts";
import { StepExecutor } from "./step-executor.ts";
import type { GeneratorMode } from "./step-generator.ts";
import { StepGenerator } from "./step-generator.ts";
import { Targets } from "./targets.ts";

/** How long a stopped program may take to notice; what waits for a resource that never came does not end at all. */
const PROGRAM_GRACE_MS = 250;

const exitCodes = { succeeded: 0, failed: 1, canceled: 8 } as const;
const EXIT_CODE_UNEXPECTED_CHANGES = 7;
const unchanging = new Set(["same", "read", "discard", "read-replacement"]);

/** Runs one deployment operation and tells its whole story as engine events, summary and cancel last. */
export async function runOperation(request: OperationRequest): Promise<OperationResult> {
  const startedAt = performance.now();
  const events = new Events(request);
  let execution: Execution | undefined;
  let leaseLost: LeaseLostError | undefined;
  try {
    execution = await open(request, events);
    await run(execution);
  } catch (error) {
    if (execution) {
      execution.fail(error);
    } else {
      events.diagnostic("error", error instanceof Error ? error.message : String(error));
    }
  }
  const failure = execution?.snapshot.failure;
  if (failure) {
    events.diagnostic("error", failure.message);
    if (failure instanceof LeaseLostError) {
      leaseLost = failure;
    }
  }
  const failed = !execution || execution.sawError || failure !== undefined;
  const canceled = request.signal.aborted && !leaseLost;
  const result = canceled ? "canceled" : failed ? "failed" : "succeeded";
  const kind = request.dryRun ? "preview" : "update";
  if (result !== "succeeded" && !execution?.bailed) {
    events.diagnostic("error", `${kind} ${result}`);
  }
  events.summary(result, startedAt, execution?.maybeCorrupt ?? false);

  if (result === "succeeded" && request.options.expectNoChanges && hasChanges(events.changes)) {
    return {
      result: "failed",
      changes: events.changes,
      error: `no changes were expected for ${request.kind === "update" ? kind : request.kind} but changes were proposed`,
      exitCode: EXIT_CODE_UNEXPECTED_CHANGES,
    };
  }
  return {
    result,
    changes: events.changes,
    ...(result !== "succeeded" && { error: events.errors.join("\n") }),
    exitCode: exitCodes[result],
  };
}

function hasChanges(changes: Readonly<Record<string, number>>): boolean {
  return Object.entries(changes).some(([op, count]) => count > 0 && !unchanging.has(op));
}

/** Loads the old state. An operation with literal targets loads what it needs and leaves the rest of the stack alone. */
async function open(request: OperationRequest, events: Events): Promise<Execution> {
  const { store, ref, secrets, lease, options } = request;
  const targets = new Targets(options);
  const isPartial =
    targets.targets.isConstrained &&
    !targets.targets.hasWildcards &&
    !targets.excludes.isConstrained &&
    options.replaces.length === 0 &&
    !options.excludeProtected;
  const snapshot = new Snapshot(store, request.dryRun ? undefined : lease, secrets, isPartial);
  const wanted = isPartial ? [...targets.targets.literals] : undefined;
  const base = await BaseState.load(store, ref, secrets, wanted, (row) => snapshot.load(row));
  let execution: Execution | undefined;
  const findResource = (urn: string) => execution?.news.get(urn) ?? execution?.reads.get(urn);
  const { secretsOf } = request;
  const builtin = builtinProvider({ store, ref, secrets, secretsOf, events, findResource });
  const providers = new ProviderRegistry(request.providers, builtin, {
    findOld: (urn, id) => base.findAll(urn).find((state) => state.id === id),
    warn: (message) => events.diagnostic("warning", message),
  });
  execution = new Execution(request, { base, snapshot, events, providers });
  return execution;
}

async function run(execution: Execution): Promise<void> {
  const { request, snapshot, providers, events } = execution;
  const cancel = () => {
    execution.stop.abort();
    void providers.cancel();
  };
  if (request.signal.aborted) {
    cancel();
  } else {
    request.signal.addEventListener("abort", cancel, { once: true });
  }
  const executor = new StepExecutor(execution);
  try {
    const options = request.options.excludeProtected
      ? { ...request.options, excludes: [...request.options.excludes, ...protectedUrns(execution)] }
      : request.options;
    const targets = new Targets(options);
    await settlePendingOperations(execution);
    if (request.kind === "refresh" || request.kind === "destroy") {
      requireTargets(execution, targets);
    }
    const refreshesWithProgram = request.kind === "refresh" && request.options.runProgram;
    const readsFirst = request.kind === "refresh" || request.options.refresh;
    if (readsFirst && !refreshesWithProgram) {
      await refreshStates(execution, executor, new Targets(options));
    } else if (execution.base.list().some((state) => state.refreshBeforeUpdate) && !refreshesWithProgram) {
      await refreshStates(execution, executor, new Targets(options), (state) => state.refreshBeforeUpdate === true);
    }
    if ((request.kind === "refresh" && !refreshesWithProgram) || execution.stopped) {
      return;
    }
    await deploy(execution, executor, targets);
  } catch (error) {
    execution.fail(error);
  } finally {
    request.signal.removeEventListener("abort", cancel);
    await executor.idle();
    execution.callbacks.close();
    await snapshot.close().catch((error: unknown) => {
      if (!snapshot.failure) {
        events.diagnostic("error", error instanceof Error ? error.message : String(error));
      }
      execution.sawError = true;
    });
  }
}

/** Runs the program and brings the stack to what it registers. A destroy is a program that registers nothing. */
async function deploy(execution: Execution, executor: StepExecutor, targets: Targets): Promise<void> {
  const { request } = execution;
  const runsProgram = request.kind === "update" || (request.kind !== "import" && request.options.runProgram);
  const mode: GeneratorMode = runsProgram ? request.kind : "update";
  const generator = new StepGenerator(execution, executor, targets, mode);
  if (request.kind === "import") {
    await importResources(execution, generator, executor);
    await executor.idle();
    await executor.finishRootOutputs(execution.sawError);
    return;
  }
  if (request.kind === "destroy" && !runsProgram) {
    refuseDeleteHooks(execution);
  }
  requireKnown(execution, generator.replaceTargets.literals, new Set());
  const monitor = new Monitor(execution, generator, executor);
  let program: Promise<void> = Promise.resolve();
  try {
    if (runsProgram && request.programAddress) {
      await monitor.listen();
      program = runProgram(request, request.programAddress, monitor.address);
      let hasEnded = false;
      void monitor.programEnded.then(() => {
        hasEnded = true;
      });
      const failing = program.catch((error: unknown) => {
        // A program that told its end and then fails does so for a failure that is known: a step's.
        if (hasEnded && execution.sawError) {
          return;
        }
        execution.fail(error instanceof ProgramBailedError ? new BailError(error.message) : error);
      });
      await Promise.race([monitor.programEnded, failing]);
      await monitor.idle();
    }
    await executor.idle();
    if (!execution.stopped && !(execution.sawError && !request.options.continueOnError && !request.dryRun)) {
      requireKnown(execution, targets.targets.literals, generator.seen);
      if (mode === "refresh") {
        await refreshStates(execution, executor, targets, (old) => !generator.isDecided(old.urn), generator.refreshed);
      } else {
        await deleteLeftovers(execution, generator, executor, targets);
      }
    }
    await executor.idle();
    if (!execution.snapshot.failure) {
      await executor.finishRootOutputs(execution.sawError || execution.stopped);
    }
  } finally {
    monitor.release();
    await settled(program, execution.stopped ? PROGRAM_GRACE_MS : undefined);
    monitor.close();
  }
}

/** Waits for a promise whatever comes of it, for a stopped program only a while. */
async function settled(program: Promise<void>, withinMs: number | undefined): Promise<void> {
  const ended = program.catch(() => {});
  if (withinMs === undefined) {
    return ended;
  }
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, withinMs);
  });
  await Promise.race([ended, late]);
  clearTimeout(timer);
}

/** Operations that a crash interrupted: what may have been created stays on record until somebody looked. */
async function settlePendingOperations(execution: Execution): Promise<void> {
  const { request, snapshot, events } = execution;
  const pending = await request.store.loadPending(request.ref);
  if (pending.length === 0) {
    return;
  }
  const forgets = request.options.clearPendingCreates;
  snapshot.clearPending(pending.filter(({ operation }) => forgets || operation.type !== "creating").map(({ operationId }) => operationId));
  if (request.kind === "refresh" || request.options.refresh || request.dryRun) {
    return;
  }
  events.diagnostic(
    "warning",
    `Attempting to deploy or update resources with ${pending.length} pending operations from previous deployment.\n` +
      pending.map(({ operation }) => `  * ${operation.resource.urn}, interrupted while ${operation.type}\n`).join("") +
      "These resources are in an unknown state because the Pulumi CLI was interrupted while " +
      "waiting for changes to these resources to complete. You should confirm whether or not the " +
      "operations listed completed successfully by checking the state of the appropriate provider. " +
      "For example, if you are using AWS, you can confirm using the AWS Console.\n\n" +
      "Once you have confirmed the status of the interrupted operations, you can repair your stack " +
      "using `pulumi refresh` which will refresh the state from the provider you are using and " +
      "clear the pending operations if there are any.\n\n" +
      "Note that `pulumi refresh` will need to be run interactively to clear pending CREATE operations.",
  );
}

/** A refresh or destroy has only the old state to find its targets in. */
function requireTargets(execution: Execution, targets: Targets): void {
  for (const urn of [...targets.targets.literals, ...targets.excludes.literals]) {
    if (execution.base.findAll(urn).length === 0) {
      throw new Error(`no resource named '${urn}' found`);
    }
  }
}
function requireKnown(execution: Execution, urns: ReadonlySet<string>, registered: ReadonlySet<string>): void {
  const unknown = [...urns].filter((urn) => execution.base.findAll(urn).length === 0 && !registered.has(urn));
  for (const urn of unknown) {
    const hint = urn.includes("$") ? "" : " Did you forget to escape $ in your shell?";
    execution.events.diagnostic("error", `Target '${urn}' could not be found in the stack.${hint}`);
  }
  if (unknown.length === 0) {
    return;
  }
  execution.sawError = true;
  throw new BailError("one or more targets could not be found in the stack");
}

/** Only the program can run them. */
function refuseDeleteHooks(execution: Execution): void {
  let refused = false;
  for (const { urn, resourceHooks } of execution.base.list()) {
    const names = [...(resourceHooks?.BeforeDelete ?? []), ...(resourceHooks?.AfterDelete ?? [])];
    if (names.length > 0) {
      refused = true;
      const message = `Resource has delete hooks registered, but the program is not running. Hooks: ${names.join(", ")}`;
      execution.events.diagnostic("error", message, urn);
    }
  }
  if (refused) {
    throw new Error("You must run with the `--run-program` flag to use delete hooks during destroy.");
  }
}

function protectedUrns(execution: Execution): string[] {
  const { base } = execution;
  const kept = dependencyClosure(
    base.list().filter((state) => state.protect),
    (urn) => base.findAll(urn),
  );
  return [...kept].map((state) => state.urn);
}
