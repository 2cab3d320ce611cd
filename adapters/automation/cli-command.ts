import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { delimiter, join } from "node:path";
import { ConcurrentUpdateError, PulumiCommand } from "@pulumi/pulumi/automation/index.js";
import { SemVer } from "semver";
import { ClawError } from "../../sdk/contract/index.ts";
import { type LeaseSettings, withLease } from "../engine/contract/lease.ts";
import type { StackLease, StackRef, StackStore } from "../engine/contract/store.ts";
import { ENGINE_TAG } from "./stack-engine.ts";

export interface CliInstallation {
  /** Holds the CLI that had to be installed, for every process of this machine. */
  readonly installDir: string;
  readonly onProgress?: (message: string) => void;
  /** The CLI that is installed when PATH has none. @default the version this engine is tested with */
  readonly version?: string;
  /** @default true */
  readonly mayInstall?: boolean;
}

export interface CliCommandOptions {
  /** From {@link findCli}. */
  readonly cli: PulumiCommand;
  /** A folder of this worker alone: `PULUMI_HOME`. */
  readonly home: string;
  /** Where stacks live: {@link postgresBackend}, `s3://…`, `https://api.pulumi.com` … */
  readonly backendUrl: string;
  /** Folders with `pulumi-resource-*` binaries, before those of PATH. */
  readonly pluginFolders?: readonly string[];
  readonly onProgress?: (message: string) => void;
  /** How long a CLI that is told to stop may take. @default 20 seconds */
  readonly cancelGraceMs?: number;
  /** The stack's lease, taken around every command that writes: with it our own workers never meet at the CLI's lock. */
  readonly leases?: Omit<LeaseSettings, "signal"> & { readonly project: string };
}

const TESTED_VERSION = "3.260.0";

type Run = (
  args: string[],
  cwd: string,
  env: Record<string, string>,
  onOutput?: (text: string) => void,
  onError?: (text: string) => void,
  signal?: AbortSignal,
) => Promise<{ stdout: string; stderr: string; code: number }>;
/** `run` is stripped from Pulumi's published types, and is the seam that both engines stand on. */
export type RunnableCommand = PulumiCommand & { readonly run: Run };

/** The Pulumi CLI: of PATH, else the one installed here, else installed now. @throws {service.unavailable} when there is none, naming what to do */
export async function findCli({ installDir, onProgress, version: wanted, mayInstall = true }: CliInstallation): Promise<PulumiCommand> {
  const onPath = await PulumiCommand.get().catch(() => undefined);
  if (onPath) {
    return onPath;
  }
  const version = new SemVer(wanted ?? TESTED_VERSION);
  const root = join(installDir, `pulumi-${version}`);
  const installed = await PulumiCommand.get({ root }).catch(() => undefined);
  if (installed) {
    return installed;
  }
  if (!mayInstall) {
    throw new ClawError("service.unavailable", `the Pulumi CLI is not on PATH; a start would fetch version ${version} from get.pulumi.com`);
  }
  onProgress?.(`installing the Pulumi CLI ${version} in ${root}: none was found on PATH`);
  // Built aside and moved into place: another process never finds half of it.
  const staged = `${root}.${process.pid}`;
  try {
    await mkdir(staged, { recursive: true });
    await PulumiCommand.install({ version, root: staged });
    await rename(staged, root).catch(() => rm(staged, { recursive: true, force: true }));
    onProgress?.(`installed the Pulumi CLI ${version}`);
    return await PulumiCommand.get({ root });
  } catch (cause) {
    await rm(staged, { recursive: true, force: true });
    throw new ClawError(
      "service.unavailable",
      `the Pulumi CLI is not on PATH, and version ${version} could not be installed. Put a 'pulumi' of version ${version} ` +
        "or newer on PATH, allow access to get.pulumi.com, or set CLAW_ENGINE=embedded, which needs no CLI",
      { cause },
    );
  }
}

/** The real Pulumi CLI as the Automation API's `pulumiCommand`. */
export function createCliCommand(options: CliCommandOptions): PulumiCommand {
  const command = options.cli as RunnableCommand;
  const engineEnv = {
    PULUMI_BACKEND_URL: options.backendUrl,
    PULUMI_HOME: options.home,
    PULUMI_SKIP_UPDATE_CHECK: "true",
    // The plugin runs on the Node that we run on.
    CLAW_NODE: process.execPath,
    PATH: [...(options.pluginFolders ?? []), process.env["PATH"] ?? ""].join(delimiter),
  };
  const run: Run = async (args, cwd, workspaceEnv, onOutput, onError, signal) => {
    const env = { ...engineEnv, ...workspaceEnv };
    // The CLI's own runner adds to the list that it is given.
    const recovering = (stop: AbortSignal | undefined, lease?: StackLease) =>
      recoverStaleLock(options, lease, args, cwd, env, () =>
        endedWithin(options.cancelGraceMs ?? 20_000, stop, () => command.run([...args], cwd, env, onOutput, onError, stop)),
      );
    const stack = writtenStack(args);
    const { leases } = options;
    if (!leases || stack === undefined) {
      return recovering(signal);
    }
    const ref = { project: leases.project, stack };
    const settings = { ...leases, signal: signal ?? new AbortController().signal };
    await ensureRow(leases.store, ref);
    return withLease(settings, ref, async (lease, stop) => {
      const result = await recovering(stop, lease);
      if (args[1] === "rm") {
        await leases.store.removeStack(lease);
      }
      return result;
    });
  };
  const created: Pick<RunnableCommand, "command" | "version" | "run"> = { command: command.command, version: command.version, run };
  return created as PulumiCommand;
}

const writing = ["up", "refresh", "destroy", "import", "stack import", "stack rm"];

/** The stack that a command line writes to. */
function writtenStack(args: readonly string[]): string | undefined {
  const name = args[0] === "stack" ? `stack ${args[1]}` : (args[0] ?? "");
  if (!writing.includes(name) || args.includes("--preview-only")) {
    return undefined;
  }
  return args[1] === "rm" ? args.findLast((arg) => !arg.startsWith("-")) : flagOf(args, "--stack");
}

function flagOf(args: readonly string[], flag: string): string | undefined {
  const at = args.indexOf(flag);
  return at < 0 ? undefined : args[at + 1];
}

/** The CLI keeps the state; the row holds the lease, and says whose state it is. */
async function ensureRow(store: StackStore, ref: StackRef): Promise<void> {
  if (await store.findStack(ref)) {
    return;
  }
  await store.createStack(ref);
  await store.setTags(ref, { [ENGINE_TAG]: "cli" });
}

/**
 * The CLI's backend in a table of our database, in the schema and with the role that are for it. No `sslmode` means no TLS, as it does for
 * the service.
 */
export function postgresBackend(databaseUrl: string, table: string): string {
  const url = new URL(databaseUrl);
  url.protocol = "postgres:";
  if (!url.searchParams.has("sslmode")) {
    url.searchParams.set("sslmode", "disable");
  }
  url.searchParams.set("table", table);
  // Settings that the CLI's driver hands on to the server.
  url.searchParams.set("role", "claw_cli");
  url.searchParams.set("search_path", "claw_cli");
  return url.href;
}

/** A killed CLI leaves its lock behind for ever. One whose process is gone is removed, and the command run again. */
async function recoverStaleLock<T>(
  { cli, onProgress }: CliCommandOptions,
  lease: StackLease | undefined,
  args: readonly string[],
  cwd: string,
  env: Record<string, string>,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const stack = flagOf(args, "--stack");
    if (!(error instanceof ConcurrentUpdateError) || !stack) {
      throw error;
    }
    const locks = locksIn(error.message);
    if (locks.length === 0 || !locks.every((lock) => isStale(lock, lease))) {
      throw error;
    }
    onProgress?.(`removing the lock of an ended process on stack '${stack}'`);
    await (cli as RunnableCommand).run(["cancel", "--yes", "--stack", stack], cwd, env);
    return run();
  }
}

/** The Automation API interrupts a CLI once and leaves it at that: one that hangs is killed. A process like ours runs one at a time. */
async function endedWithin<T>(graceMs: number, stop: AbortSignal | undefined, run: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const onAbort = () => {
    timer = setTimeout(() => execFile("pkill", ["-KILL", "-P", String(process.pid), "-x", "pulumi"]), graceMs);
  };
  stop?.addEventListener("abort", onAbort, { once: true });
  try {
    return await run();
  } finally {
    clearTimeout(timer);
    stop?.removeEventListener("abort", onAbort);
  }
}

interface Lock {
  readonly host: string;
  readonly pid: number;
}

function locksIn(message: string): Lock[] {
  const locks = message.matchAll(/: created by \S*@(\S+) \(pid (\d+)\) at /g);
  return [...locks].map(([, host = "", pid]) => ({ host, pid: Number(pid) }));
}

/**
 * Whether the lock's process has ended. Another machine's can't be asked after: its lock is stale only when our lease was taken over
 * from a worker of that machine, which gave no sign of life until the lease ran out. A person's `pulumi up` elsewhere is left alone.
 */
function isStale({ host, pid }: Lock, lease: StackLease | undefined): boolean {
  if (host !== hostname()) {
    return lease?.formerHolder?.startsWith(`${host}/`) ?? false;
  }
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
  return isZombie(pid);
}

/** In a container whose first process is the service, nobody takes the leave of what a dead worker left behind. */
function isZombie(pid: number): boolean {
  try {
    return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
