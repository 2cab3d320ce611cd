import { execFile, execFileSync } from "node:child_process";
import { chmodSync, lchownSync, lstatSync, mkdirSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { confinementOf, enter, giveTo, prepareFolders } from "./confinement.ts";
import { type HostUser, RUNS } from "./tenant-user.ts";

const run = promisify(execFile);

export interface ConfinedRun {
  readonly hostDir: string;
  /** A run ends what an earlier one of its name has left. */
  readonly name: string;
  /** What of the host it is to see besides the system. */
  readonly readable: readonly string[];
  /** What of that is in its hands as long as it runs. */
  readonly writable: readonly string[];
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
  // In user mode it has a user of its own by that.
  const home = join(of.hostDir, RUNS, of.name);
  const tmpDir = join(home, "tmp");
  const claw = { hostDir: of.hostDir, dataDir: home, own: [home], tmpDir, readable: [process.execPath, ...of.readable] };
  const confinement = confinementOf(of.hostDir);
  mkdirSync(tmpDir, { recursive: true, mode: 0o700 });
  try {
    prepareFolders(confinement, claw);
    const { command, args, ...user } = enter(confinement, { ...claw, own: [home, ...of.writable] }, process.execPath, of.args, true);
    const env = {
      PATH: [dirname(process.execPath), "/usr/local/bin", "/usr/bin", "/bin"].join(delimiter),
      ...Object.fromEntries(of.homeVariables.map((name) => [name, home])),
      TMPDIR: confinement.kind === "sandbox" ? "/tmp" : tmpDir,
      ...of.env,
    };
    const limits = { timeout: of.timeoutMs, maxBuffer: of.outputBytesMax, killSignal: "SIGKILL" } as const;
    endAllOf(user);
    // Of one whose starter was killed, which had more in its hands than this one is to have.
    takeAllBack(of.readable, user);
    try {
      if (isUser(user)) {
        for (const dir of of.writable) {
          giveTo(dir, user);
        }
      }
      return (await run(command, [...args], { ...user, ...limits, env, cwd: home, ...(signal && { signal }) })).stdout;
    } finally {
      endAllOf(user);
      takeAllBack(of.writable, user);
    }
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

function isUser(user: Partial<HostUser>): user is HostUser {
  return user.uid !== undefined;
}

/** The user is this run's alone. A sandbox ends with its own processes. */
function endAllOf(user: Partial<HostUser>): void {
  if (!isUser(user)) {
    return;
  }
  try {
    execFileSync("/bin/sh", ["-c", "kill -9 -1"], { ...user, stdio: "ignore" });
  } catch {
    // There was none.
  }
}

function takeAllBack(dirs: readonly string[], user: Partial<HostUser>): void {
  for (const dir of dirs) {
    takeBack(realpathSync(dir), dir, user);
  }
}

/** Leaves nothing that others could change, and no link to what lies elsewhere: all users of the host trust what is installed. */
function takeBack(top: string, path: string, user: Partial<HostUser>): void {
  const found = lstatSync(path);
  if (found.isSymbolicLink() && !leadsBelow(top, path)) {
    rmSync(path);
    return;
  }
  if (found.isDirectory()) {
    for (const name of readdirSync(path)) {
      takeBack(top, join(path, name), user);
    }
  }
  // What is another's was linked here, and stays as it is.
  if (found.uid === (user.uid ?? process.getuid?.())) {
    lchownSync(path, process.getuid?.() ?? found.uid, process.getgid?.() ?? found.gid);
    if (!found.isSymbolicLink()) {
      chmodSync(path, found.mode & 0o755);
    }
  }
}

function leadsBelow(top: string, link: string): boolean {
  try {
    return realpathSync(link).startsWith(`${top}/`);
  } catch {
    return false;
  }
}
