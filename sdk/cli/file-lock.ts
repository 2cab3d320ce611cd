import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { pause } from "../client/transport.ts";

/** Longer than anything that is done under a lock. */
const STALE_MS = 60_000;
const LOOK_MS = 50;

/**
 * Does something while no other `claw` of this user does something under the same lock: a file that names its holder. One that a killed holder left is
 * removed; two that find it in the same instant may both go on.
 */
export async function withLock<T>(path: string, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
  while (!(await take(path))) {
    if (await isLeft(path)) {
      await rm(path, { force: true });
    } else {
      await pause(LOOK_MS, signal);
    }
  }
  try {
    return await act();
  } finally {
    await rm(path, { force: true });
  }
}

async function take(path: string): Promise<boolean> {
  try {
    await writeFile(path, `${process.pid} ${hostname()}`, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") {
      return false;
    }
    throw error;
  }
}

async function isLeft(path: string): Promise<boolean> {
  try {
    const [pid, host] = (await readFile(path, "utf8")).split(" ");
    const isDead = host === hostname() && !isRunning(Number(pid));
    return isDead || Date.now() - (await stat(path)).mtimeMs > STALE_MS;
  } catch (error) {
    if (codeOf(error) === "ENOENT") {
      return false;
    }
    throw error;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
