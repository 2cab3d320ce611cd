import { execFile, execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { confinementOf, enter, prepareFolders } from "./confinement.ts";

const run = promisify(execFile);
/** Below the host's folder: a home for each run, and in user mode a user of its own by that. */
const HOMES = "runs";

export interface ConfinedRun {
  readonly hostDir: string;
  /** What of the host it is to see besides the system. */
  readonly readable: readonly string[];
  /** Of Node.js. */
  readonly args: readonly string[];
  /** Names of variables that are to hold its home; it has no others of ours. */
  readonly homeVariables: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly outputBytesMax: number;
}

/** Runs a program that is not ours once, as confined as the claws of the host. @returns what it printed @throws as `execFile` does */
export async function runConfined(of: ConfinedRun, signal: AbortSignal | undefined): Promise<string> {
  const home = join(of.hostDir, HOMES, randomUUID());
  const tmpDir = join(home, "tmp");
  const claw = { hostDir: of.hostDir, dataDir: home, own: [home], tmpDir, readable: [process.execPath, ...of.readable] };
  const confinement = confinementOf(of.hostDir);
  mkdirSync(tmpDir, { recursive: true, mode: 0o700 });
  try {
    prepareFolders(confinement, claw);
    const { command, args, ...user } = enter(confinement, claw, process.execPath, of.args, true);
    const env = {
      PATH: [dirname(process.execPath), "/usr/local/bin", "/usr/bin", "/bin"].join(delimiter),
      ...Object.fromEntries(of.homeVariables.map((name) => [name, home])),
      TMPDIR: confinement.kind === "sandbox" ? "/tmp" : tmpDir,
      ...of.env,
    };
    try {
      const limits = { timeout: of.timeoutMs, maxBuffer: of.outputBytesMax, killSignal: "SIGKILL" } as const;
      return (await run(command, [...args], { ...user, ...limits, env, cwd: home, ...(signal && { signal }) })).stdout;
    } finally {
      if (confinement.kind === "user") {
        endAllOf(user);
      }
    }
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** What it may have left running: the user is this run's alone. A sandbox ends with its own processes. */
function endAllOf(user: { uid?: number; gid?: number }): void {
  try {
    execFileSync("/bin/sh", ["-c", "kill -9 -1"], { ...user, stdio: "ignore" });
  } catch {
    // There was none, or it was ended itself.
  }
}
