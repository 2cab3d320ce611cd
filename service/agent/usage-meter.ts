import type { Usage } from "../../sdk/contract/index.ts";
import { childrenOf, procStat, readOptional } from "./processes.ts";

/** What Linux counts in, whatever the kernel's own clock. */
const TICKS_PER_SECOND = 100;
/** A shorter time says more of one garbage collection than of the claw. */
const PERIOD_MIN_MS = 5_000;
/** What a younger process takes is its start. */
const AGE_MIN_SECONDS = 1;

interface Sample {
  readonly pid: number;
  readonly started: string;
  readonly ticks: number;
  readonly atMs: number;
}

/** Measures a process and all that it started: memory as of now, CPU over the time since the last measure, or since the process began. */
export class UsageMeter {
  #last: Sample | undefined;

  /** Undefined when there is nothing to say: no such process, no procfs, one that has just begun, or asked a moment ago. */
  read(pid: number | undefined): Usage | undefined {
    const own = pid === undefined ? undefined : procStat(pid);
    const started = own?.[19];
    const uptime = Number(readOptional("/proc/uptime")?.split(" ")[0]);
    if (pid === undefined || started === undefined || Number.isNaN(uptime)) {
      return undefined;
    }
    const atMs = Date.now();
    const last = this.#last?.pid === pid && this.#last.started === started ? this.#last : undefined;
    if (last && atMs - last.atMs < PERIOD_MIN_MS) {
      return undefined;
    }
    const age = uptime - Number(started) / TICKS_PER_SECOND;
    if (age < AGE_MIN_SECONDS) {
      return undefined;
    }
    const pids = treeOf(pid);
    const ticks = pids.reduce((sum, each) => sum + ticksOf(each), 0);
    this.#last = { pid, started, ticks, atMs };
    const seconds = last ? (atMs - last.atMs) / 1000 : age;
    // What a child took that ended unwaited is lost to the sum.
    const taken = Math.max(0, ticks - (last?.ticks ?? 0));
    return {
      cpu: taken / TICKS_PER_SECOND / seconds,
      memoryBytes: pids.reduce((sum, each) => sum + residentBytes(each), 0),
      time: new Date(atMs).toISOString(),
    };
  }
}

function treeOf(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(treeOf)];
}

/** User and system time of a process, and of its children that it has waited for. */
function ticksOf(pid: number): number {
  return (procStat(pid)?.slice(11, 15) ?? []).reduce((sum, ticks) => sum + Number(ticks), 0);
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s*(\d+) kB/m.exec(readOptional(`/proc/${pid}/status`) ?? "")?.[1] ?? 0) * 1024;
}
