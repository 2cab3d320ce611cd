import { readFileSync, readlinkSync } from "node:fs";
import type { HolderProcess } from "./stack-record.ts";

/**
 * This process, where others can tell whether it is still there: one id names one process only while a system runs, and only in one space of
 * process ids, since containers have their own. Undefined where a system does not say which these are.
 */
export const thisProcess: HolderProcess | undefined = here();

/** Whether a process of this machine is known to have ended; others may have. */
export function hasEnded(holder: HolderProcess | undefined): boolean {
  if (holder === undefined || holder.machine !== thisProcess?.machine) {
    return false;
  }
  try {
    process.kill(holder.pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

function here(): HolderProcess | undefined {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return { machine: `${boot} ${readlinkSync("/proc/self/ns/pid")}`, pid: process.pid };
  } catch {
    return undefined;
  }
}
