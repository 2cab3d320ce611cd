import { spawn } from "node:child_process";
import { closeSync, lchownSync, lstatSync, mkdirSync, openSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Confinement, confinementOf, prepareFolders } from "../../adapters/confinement/confinement.ts";
import type { ProcessSpec } from "../../sdk/contract/index.ts";
import { compileCacheDir, confinedClaw, type Launch, launchOf, RUN_DIR_TAG, restartKey, spawnDigest } from "./launch.ts";
import { childrenOf, findTagged, isAlive, isSessionLeader, type ProcessIdentity, sendSignal, startTimeOf } from "./processes.ts";

const ADOPTED_POLL_MS = 250;

/** How a claw ended. `code` is undefined for one that was adopted: only its parent is told. */
export interface ClawExit {
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
}

/** What is remembered of a running claw, so that a later agent finds it again. */
export interface ClawRecord extends ProcessIdentity {
  readonly port: number;
  readonly spawnDigest: string;
  readonly restartKey: string;
  readonly specDigest: string;
  /** Absent of one that an earlier version started. */
  readonly restartedAt?: string;
  readonly startedAtMs: number;
  readonly readyAtMs?: number;
  /** Absent of one that an earlier version started. */
  readonly confinement?: Confinement["kind"];
}

/** Why the agent itself ends a claw. `isCrash` counts towards the back-off. */
export interface EndCause {
  readonly reason: string;
  readonly message: string;
  readonly isCrash: boolean;
}

/** One running claw: a process that leads its own session and process group. */
export interface ClawProcess {
  record: ClawRecord;
  exit: ClawExit | undefined;
  endCause: EndCause | undefined;
  /** When a restart in place was asked for, and whether the probe has failed since: before that, an answer is the old one's. */
  restarting: { readonly sinceMs: number; wentDown: boolean } | undefined;
}

/**
 * Starts the claw. Its output goes to the log file itself and not through the agent, whose death must not break it.
 * @throws when the program can't be executed.
 */
export async function startClaw(spec: ProcessSpec, port: number, logPath: string, onExit: () => void): Promise<ClawProcess> {
  const confinement = confinementOf(spec.dirs.hostDir);
  prepareFolders(confinement, confinedClaw(spec));
  const launch = launchOf(spec, port, confinement);
  prepareHome(spec, launch);
  const log = openSync(logPath, "a", 0o600);
  try {
    const { command, args, ...where } = launch;
    const child = spawn(command, args, { ...where, detached: true, stdio: ["ignore", log, log] });
    const claw: ClawProcess = {
      record: {
        pid: child.pid ?? 0,
        startTime: child.pid === undefined ? "" : (startTimeOf(child.pid) ?? ""),
        port,
        spawnDigest: spawnDigest(spec),
        restartKey: restartKey(spec),
        specDigest: spec.specDigest,
        restartedAt: spec.restartedAt ?? "",
        startedAtMs: Date.now(),
        confinement: confinement.kind,
      },
      exit: undefined,
      endCause: undefined,
      restarting: undefined,
    };
    child.once("exit", (code, signal) => {
      claw.exit = { code: code ?? undefined, signal: signal ?? undefined };
      onExit();
    });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    });
    child.unref();
    if (confinement.kind === "sandbox") {
      const inner = await sandboxed(claw.record.pid);
      claw.record = inner ? { ...claw.record, ...inner } : claw.record;
    }
    return claw;
  } finally {
    closeSync(log);
  }
}

/** What is below the claw's own folders is made as its user, which is nobody else's business to follow links for. */
function prepareHome(spec: ProcessSpec, { env, uid, gid }: Launch): void {
  const { HOME = "", TMPDIR = "" } = env;
  if (lstatSync(HOME, { throwIfNoEntry: false }) === undefined) {
    mkdirSync(HOME, { mode: 0o700 });
    own(HOME);
  }
  const cache = compileCacheDir(spec);
  // The variable NODE_COMPILE_CACHE would do the same, but makes OpenClaw's launcher run the gateway as a child, which signals then miss.
  const link = join(TMPDIR, "node-compile-cache");
  if (cache !== undefined && lstatSync(link, { throwIfNoEntry: false }) === undefined) {
    symlinkSync(cache, link);
  }

  function own(path: string): void {
    if (uid !== undefined && gid !== undefined) {
      lchownSync(path, uid, gid);
    }
  }
}

const SANDBOX_POLL_MS = 5;
const SANDBOX_TIMEOUT_MS = 10_000;

/** The claw itself within its sandbox: the child of the sandbox's first process, which is the child of the one that was started. */
async function sandboxed(pid: number): Promise<ProcessIdentity | undefined> {
  for (const deadline = Date.now() + SANDBOX_TIMEOUT_MS; Date.now() < deadline && startTimeOf(pid) !== undefined; ) {
    const [inner] = childrenOf(pid).flatMap(childrenOf);
    const startTime = inner === undefined ? undefined : startTimeOf(inner);
    if (inner !== undefined && startTime !== undefined) {
      return { pid: inner, startTime };
    }
    await delay(SANDBOX_POLL_MS);
  }
  return undefined;
}

/** Takes over a claw that an earlier agent started; undefined when it does not run any more. */
export function adoptClaw(record: ClawRecord, onExit: () => void): ClawProcess | undefined {
  if (!isAlive(record)) {
    return undefined;
  }
  const claw: ClawProcess = { record, exit: undefined, endCause: undefined, restarting: undefined };
  const timer = setInterval(() => {
    if (!isAlive(record)) {
      clearInterval(timer);
      claw.exit = { code: undefined, signal: undefined };
      onExit();
    }
  }, ADOPTED_POLL_MS);
  timer.unref();
  return claw;
}

/** A claw of this run directory that no record tells of: its agent died between starting and noting it. */
export function findUnrecordedClaw(spec: ProcessSpec): ProcessIdentity | undefined {
  for (const pid of findTagged(RUN_DIR_TAG, spec.dirs.runDir)) {
    const startTime = startTimeOf(pid);
    if (startTime !== undefined && isSessionLeader(pid)) {
      return { pid, startTime };
    }
  }
  return undefined;
}

/** The claw's own processes and those it left behind, even where they began a session of their own. */
export function clawPids(record: ProcessIdentity, runDir: string): number[] {
  return [...new Set([record.pid, ...findTagged(RUN_DIR_TAG, runDir)])];
}

/** SIGKILL for the whole process group and every other descendant. */
export function killAll(record: ProcessIdentity, runDir: string): void {
  // A pid is not given out again while a group of that number exists: with another start time there is no such group.
  const startTime = startTimeOf(record.pid);
  if (startTime === undefined || startTime === record.startTime) {
    sendSignal(-record.pid, "SIGKILL");
  }
  killTagged(runDir);
}

/** SIGKILL for whatever an ended claw left behind. */
export function killTagged(runDir: string): void {
  for (const pid of findTagged(RUN_DIR_TAG, runDir)) {
    sendSignal(pid, "SIGKILL");
  }
}
