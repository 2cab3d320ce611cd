import * as cmd from "@pulumi/pulumi/automation/cmd.js";
import * as errors from "@pulumi/pulumi/automation/errors.js";
import { SemVer } from "semver";
import type { RunningOperations } from "../contract/lease.ts";
import { StackExistsError, type StackLease, StackLockedError, StackMissingError, type StackStore } from "../contract/store.ts";
import { ENGINE_VERSION } from "../engine-version.ts";
import type { ProviderHost } from "../operation.ts";
import type { KeyWrapper } from "../secrets/envelope.ts";
import { SecretsOpener } from "../secrets/stack-secrets.ts";
import { type CommandName, parseArguments } from "./arguments.ts";
import { configGet, configList, configRefresh, configRemove, configSet, configSetAll } from "./config-commands.ts";
import { type CommandContext, SelectedStacks } from "./context.ts";
import type { ShownEvents } from "./event-stream.ts";
import { CommandFailure, ExitCode } from "./failure.ts";
import { runDeployment } from "./operation-commands.ts";
import * as stack from "./stack-commands.ts";
import * as workspace from "./workspace-commands.ts";

export interface EmbeddedCommandOptions {
  /** Bound to the tenant whose stacks the command may see. */
  readonly store: StackStore;
  readonly providers: ProviderHost;
  /** Names this worker in leases and in the message that a locked stack gives. */
  readonly holder: string;
  /** Environment of its commands, beneath what a workspace sets and above the process's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** With it new stacks seal their secrets in the `envelope` form, without it by passphrase. */
  readonly keyWrapper?: KeyWrapper;
  /** How long a lease outlives the last heartbeat of its holder. @default 30 */
  readonly leaseTtlSeconds?: number;
  /** A lease that the caller holds: commands write under it instead of taking one. */
  readonly lease?: StackLease;
  /** How long `cancel` waits for the owner to stop before it takes the lease. @default 30000 */
  readonly cancelGraceMs?: number;
  /** What of an operation's events the event stream has, for a consumer that does not read all of it. @default everything */
  readonly shown?: ShownEvents;
}

/** Stripped from Pulumi's published types, and part of the one seam between the Automation API and an engine. */
interface CommandInternals {
  CommandResult: new (stdout: string, stderr: string, code: number, err?: Error) => CommandResult;
}
interface ErrorInternals {
  createCommandError(result: CommandResult): Error;
  CommandError: new (result: CommandResult) => Error;
}
export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}
const { CommandResult } = cmd as unknown as CommandInternals;
const { createCommandError, CommandError } = errors as unknown as ErrorInternals;

/** The Automation API gives every command that ran and failed this code; the true one is in the text only. */
const FAILED_PROCESS_CODE = -2;

const handlers: Readonly<Record<CommandName, (ctx: CommandContext) => Promise<void> | void>> = {
  "stack init": stack.stackInit,
  "stack select": stack.stackSelect,
  "stack ls": stack.stackList,
  "stack rm": stack.stackRemove,
  "stack rename": stack.stackRename,
  "stack output": stack.stackOutput,
  "stack export": stack.stackExport,
  "stack import": stack.stackImport,
  "stack history": stack.stackHistory,
  "stack unlock": stack.stackUnlock,
  "stack tag set": stack.stackTagSet,
  "stack tag get": stack.stackTagGet,
  "stack tag ls": stack.stackTagList,
  "stack tag rm": stack.stackTagRemove,
  cancel: stack.cancel,
  config: configList,
  "config set": configSet,
  "config set-all": configSetAll,
  "config get": configGet,
  "config rm": configRemove,
  "config rm-all": configRemove,
  "config refresh": configRefresh,
  "config env add": workspace.environmentsUnsupported,
  "config env ls": workspace.environmentsUnsupported,
  "config env rm": workspace.environmentsUnsupported,
  preview: runDeployment,
  up: runDeployment,
  refresh: runDeployment,
  destroy: runDeployment,
  import: runDeployment,
  whoami: workspace.whoami,
  "plugin ls": workspace.pluginList,
  "plugin install": workspace.pluginInstall,
  "plugin rm": workspace.pluginRemove,
  install: workspace.install,
  "org get-default": workspace.orgUnsupported,
  "org set-default": workspace.orgUnsupported,
};

/**
 * The embedded engine as the Automation API's `pulumiCommand`: interprets the argument lists it would give the real CLI.
 *
 * @example
 * const command = new EmbeddedCommand({ store, providers, holder: "worker-1" });
 * await LocalWorkspace.createOrSelectStack({ stackName, projectName, program }, { pulumiCommand: command });
 */
export class EmbeddedCommand {
  readonly command = "pulumi";
  readonly version = new SemVer(ENGINE_VERSION);
  readonly #options: EmbeddedCommandOptions;
  readonly #secrets: SecretsOpener;
  readonly #running: RunningOperations = new Map();
  readonly #selected = new SelectedStacks();

  constructor(options: EmbeddedCommandOptions) {
    this.#options = options;
    this.#secrets = new SecretsOpener(options.keyWrapper);
  }

  /** @throws Pulumi's own error classes, chosen by the same texts. */
  async run(
    args: readonly string[],
    cwd: string,
    additionalEnv: Readonly<Record<string, string>>,
    onOutput?: (text: string) => void,
    onError?: (text: string) => void,
    signal?: AbortSignal,
  ): Promise<CommandResult> {
    const stdout: string[] = [];
    const stderr: string[] = [];
    const err = (text: string) => {
      stderr.push(text);
      onError?.(text);
    };
    try {
      const env = { ...process.env, ...this.#options.env, ...additionalEnv };
      const command = parseArguments(args, env);
      await handlers[command.name]({
        command,
        cwd,
        env,
        store: this.#options.store,
        providers: this.#options.providers,
        secrets: this.#secrets,
        holder: this.#options.holder,
        leaseTtlSeconds: this.#options.leaseTtlSeconds ?? 30,
        lease: this.#options.lease,
        cancelGraceMs: this.#options.cancelGraceMs ?? 30_000,
        shown: this.#options.shown ?? ((event) => event),
        running: this.#running,
        selected: this.#selected,
        signal: signal ?? new AbortController().signal,
        out: (text) => {
          stdout.push(text);
          onOutput?.(text);
        },
        err,
      });
      return new CommandResult(stdout.join("").trimEnd(), stderr.join("").trimEnd(), 0);
    } catch (cause) {
      const failure = toFailure(cause);
      err(`error: ${failure.message}\n`);
      const text = [
        `Command failed with exit code ${failure.exitCode}: ${this.command} ${shownArguments(args)}`,
        stderr.join("").trimEnd(),
        stdout.join("").trimEnd(),
      ];
      const error = new Error(text.filter((part) => part !== "").join("\n"), { cause });
      const result = new CommandResult("", error.message, FAILED_PROCESS_CODE, error);
      throw failure.classified ? createCommandError(result) : new CommandError(result);
    }
  }
}

function toFailure(cause: unknown): CommandFailure {
  if (cause instanceof CommandFailure) {
    return cause;
  }
  if (cause instanceof StackMissingError) {
    return new CommandFailure(ExitCode.StackMissing, cause.message);
  }
  if (cause instanceof StackExistsError || cause instanceof StackLockedError) {
    return new CommandFailure(ExitCode.Failed, cause.message);
  }
  return new CommandFailure(ExitCode.Failed, cause instanceof Error ? cause.message : String(cause), false);
}

/** Config values may be secret: of those commands only the words before the values are shown. */
function shownArguments(args: readonly string[]): string {
  return args[0] === "config" && args[1]?.startsWith("set") ? args.slice(0, 2).join(" ") : args.join(" ");
}
