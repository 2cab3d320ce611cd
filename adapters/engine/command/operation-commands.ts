import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { withLease } from "../contract/lease.ts";
import { type HistoryEntry, LeaseLostError, type StackLease, type StoredStack } from "../contract/store.ts";
import { runOperation } from "../deployment/run-operation.ts";
import { ENGINE_VERSION, versionProblem } from "../engine-version.ts";
import type { OperationOptions, OperationRequest, OperationResult } from "../operation.ts";
import type { StackSecrets } from "../secrets/stack-secrets.ts";
import { autonamingOf } from "./autonaming-config.ts";
import type { PlainConfig } from "./config-values.ts";
import { type CommandContext, existingStack, openSecrets, type StackContext } from "./context.ts";
import { validateConfig, withDeclared } from "./declared-config.ts";
import { OperationDisplay } from "./display.ts";
import { EventStream } from "./event-stream.ts";
import { CommandFailure, ExitCode } from "./failure.ts";
import { readImports } from "./import-file.ts";
import { loadStackFile, plainConfigOf } from "./project.ts";

type Kind = OperationRequest["kind"];

const kinds: Readonly<Record<string, Kind>> = { preview: "update", up: "update", refresh: "refresh", destroy: "destroy", import: "import" };
const historyKinds: Readonly<Record<Kind, HistoryEntry["kind"]>> = {
  update: "update",
  refresh: "refresh",
  destroy: "destroy",
  import: "resource-import",
};

/** `preview`, `up`, `refresh`, `destroy` and `import`. */
export async function runDeployment(ctx: CommandContext): Promise<void> {
  const { command } = ctx;
  const kind = kinds[command.name] as Kind;
  const dryRun = command.name === "preview" || (command.bool("preview-only") ?? false);
  const { project, ref, stack } = await existingStack(ctx);
  const problem = project.requiredVersion && versionProblem(project.requiredVersion);
  if (problem) {
    throw new CommandFailure(ExitCode.Failed, problem);
  }
  const secrets = await openSecrets(ctx, stack);
  const given = new Map([
    ...(await loadStackFile(project, ref.stack, command.value("config-file"), ctx.env)),
    ...plainConfigOf(stack.config, secrets),
  ]);
  const config = withDeclared(given, project.config);
  const asked = await operationOptions(ctx, kind, { project, ref });
  const programAddress = command.value("client");
  if (kind === "update" && programAddress === undefined) {
    throw new CommandFailure(ExitCode.Failed, "the embedded engine runs inline programs only: no --client was given");
  }
  if (asked.runProgram) {
    validateConfig(ref.stack, config, project.config);
  }
  const options = kind === "update" ? { ...asked, naming: autonamingOf(config, ref) } : asked;
  warnOfIdleFlags(ctx);

  const run = async (signal: AbortSignal, lease?: StackLease): Promise<OperationResult> => {
    const display = new OperationDisplay(ctx, { kind, dryRun, stack: ref.stack });
    const events = new EventStream(command.value("event-log"), {
      display: (event) => display.show(event),
      shown: (event) => ctx.shown(event, kind),
    });
    try {
      const result = await runOperation({
        kind,
        dryRun,
        ref,
        ...(lease && { lease }),
        ...(programAddress !== undefined && { programAddress }),
        config,
        options,
        store: ctx.store,
        secrets,
        secretsOf: (other) => openSecrets(ctx, other),
        providers: providersFor(ctx, project),
        emit: (event) => events.emit(event),
        signal,
      });
      display.finish(result);
      return result;
    } finally {
      await events.end();
    }
  };

  const result = dryRun
    ? await run(ctx.signal)
    : await withLease(ctx, ref, async (lease, signal) => {
        const startTime = new Date();
        const record = (outcome?: OperationResult) =>
          ctx.store.appendHistory(ref, historyEntry(ctx, kind, startTime, stack, config, secrets, outcome));
        try {
          const outcome = await run(signal, lease);
          await record(outcome);
          return outcome;
        } catch (error) {
          // Who lost the lease writes nothing more: the operation's story is the next holder's to tell.
          if (!(error instanceof LeaseLostError)) {
            await record();
          }
          throw error;
        }
      });
  if (result.exitCode !== 0) {
    throw new CommandFailure(result.exitCode, result.error ?? `${command.name} ${result.result}`, false);
  }
}

/** A host that can look for plugins where the project's `Pulumi.yaml` says. */
interface ProjectAwareHost {
  forProject(project: StackContext["project"]): OperationRequest["providers"];
}

function providersFor(ctx: CommandContext, project: StackContext["project"]): OperationRequest["providers"] {
  const host = ctx.providers as OperationRequest["providers"] & Partial<ProjectAwareHost>;
  return project.providerPaths.length > 0 && host.forProject ? host.forProject(project) : host;
}

async function operationOptions(ctx: CommandContext, kind: Kind, stack: StackContext): Promise<OperationOptions> {
  const { command } = ctx;
  const flag = (name: string) => command.bool(name) ?? false;
  return {
    parallel: parallelism(command.value("parallel") ?? ctx.env["PULUMI_PARALLEL"]),
    targets: command.list("target"),
    excludes: command.list("exclude"),
    targetDependents: flag("target-dependents"),
    excludeDependents: flag("exclude-dependents"),
    replaces: command.list("replace"),
    refresh: command.bool("refresh") ?? stack.project.alwaysRefreshes,
    // An update always evaluates the program; there the flag would only concern its refresh.
    runProgram: kind === "update" || flag("run-program"),
    continueOnError: flag("continue-on-error"),
    expectNoChanges: flag("expect-no-changes"),
    excludeProtected: flag("exclude-protected"),
    clearPendingCreates: flag("clear-pending-creates"),
    imports: kind === "import" ? await readImports(command, stack, (file) => readFile(file, "utf8")) : [],
  };
}

function parallelism(text: string | undefined): number {
  if (text === undefined) {
    return 4 * availableParallelism();
  }
  const width = Number(text);
  if (!Number.isSafeInteger(width)) {
    throw new CommandFailure(ExitCode.Failed, `invalid argument "${text}" for "--parallel" flag: a whole number`);
  }
  return Math.max(1, width);
}

function warnOfIdleFlags(ctx: CommandContext): void {
  for (const flag of ["verbose", "logtostderr", "logflow"]) {
    if (ctx.command.has(flag)) {
      ctx.err(`warning: --${flag} has no effect: the embedded engine logs with its process\n`);
    }
  }
}

function historyEntry(
  ctx: CommandContext,
  kind: Kind,
  startTime: Date,
  stack: StoredStack,
  config: PlainConfig,
  secrets: StackSecrets,
  outcome: OperationResult | undefined,
): Omit<HistoryEntry, "version"> {
  const agent = ctx.command.value("exec-agent");
  return {
    kind: historyKinds[kind],
    startTime: startTime.toISOString(),
    endTime: new Date().toISOString(),
    message: ctx.command.value("message") ?? "",
    environment: {
      "exec.kind": ctx.command.value("exec-kind") ?? "cli",
      ...(agent !== undefined && { "exec.agent": agent }),
      "pulumi.version": `v${ENGINE_VERSION}`,
    },
    config: Object.fromEntries([...config].map(([key, plain]) => [key, sealed(plain, stack.config[key], secrets)])),
    result: outcome?.result === "succeeded" ? "succeeded" : "failed",
    resourceChanges: outcome?.changes ?? {},
  };
}

/** Config as history keeps it: what the stack stores as it is, a secret of a file sealed. */
function sealed(
  { value, secret, object }: { value: string; secret: boolean; object?: boolean },
  stored: StoredStack["config"][string] | undefined,
  secrets: StackSecrets,
): HistoryEntry["config"][string] {
  if (stored) {
    return { value: stored.value, secret: stored.secure, ...(stored.object && { object: true }) };
  }
  if (secret) {
    return { value: secrets.encrypt(value), secret };
  }
  return { value, secret, ...(object && { object }) };
}
