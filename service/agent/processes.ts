import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { constants } from "node:os";

/** A process told apart from any later one with the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
}

const linux = process.platform === "linux";
let bootId: string | undefined;

/** The text of a file; undefined when there is none. */
export function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** Fields of `/proc/<pid>/stat` after the command name, which may itself hold blanks and brackets. */
export function procStat(pid: number): string[] | undefined {
  const text = readOptional(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** When a process started, in a form that is unique over reboots; undefined when there is none (or only its zombie is left). */
export function startTimeOf(pid: number): string | undefined {
  if (linux) {
    const stat = procStat(pid);
    if (!stat || stat[0] === "Z" || stat[0] === "X") {
      return undefined;
    }
    bootId ??= readOptional("/proc/sys/kernel/random/boot_id")?.slice(0, 8) ?? "boot";
    return `${bootId}:${stat[19]}`;
  }
  try {
    const [state, ...started] = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], { encoding: "utf8" })
      .trim()
      .split(/\s+/);
    return state === undefined || state.startsWith("Z") ? undefined : started.join(" ");
  } catch {
    return undefined;
  }
}

export function isAlive(identity: ProcessIdentity): boolean {
  return startTimeOf(identity.pid) === identity.startTime;
}

export function selfIdentity(): ProcessIdentity {
  return { pid: process.pid, startTime: startTimeOf(process.pid) ?? "" };
}

/** Sends a signal; a process that is gone is no error. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== "ESRCH") {
      throw err;
    }
  }
}

/** Live processes whose environment holds `name=value`. Empty where there is no procfs. */
export function findTagged(name: string, value: string): number[] {
  if (!linux) {
    return [];
  }
  const tag = `\0${name}=${value}\0`;
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter(
      (pid) => pid !== process.pid && `\0${readOptional(`/proc/${pid}/environ`) ?? ""}`.includes(tag) && startTimeOf(pid) !== undefined,
    );
}

/** Processes that it started; none where there is no procfs. */
export function childrenOf(pid: number): number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.flatMap((thread) => readOptional(`/proc/${pid}/task/${thread}/children`)?.match(/\d+/g) ?? []).map(Number);
  } catch {
    return [];
  }
}

/** Whether the process leads a session of its own: what a detached claw does and its children do not. */
export function isSessionLeader(pid: number): boolean {
  return procStat(pid)?.[3] === String(pid);
}

/** Whether the process has a handler for the signal, without which it would end it; true where that can't be told. */
export function catchesSignal(pid: number, signal: NodeJS.Signals): boolean {
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readOptional(`/proc/${pid}/status`) ?? "")?.[1];
  return caught === undefined || ((BigInt(`0x${caught}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
}

/** Socket inodes that listen on a TCP port; undefined where the tables can't be read. */
function listeningInodes(port: number): Set<string> | undefined {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const inodes = new Set<string>();
  const tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(readOptional).filter((table) => table !== undefined);
  if (tables.length === 0) {
    return undefined;
  }
  for (const table of tables) {
    for (const line of table.split("\n").slice(1)) {
      const fields = line.trim().split(/\s+/);
      if (fields[1]?.endsWith(suffix) && fields[3] === "0A" && fields[9] !== undefined) {
        inodes.add(fields[9]);
      }
    }
  }
  return inodes;
}

/** Whether one of the processes listens on the port; true also where that can't be told. */
export function ownsListener(pids: readonly number[], port: number): boolean {
  const inodes = listeningInodes(port);
  if (!inodes) {
    return true;
  }
  return pids.some((pid) => {
    try {
      return readdirSync(`/proc/${pid}/fd`).some((fd) => {
        try {
          const target = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`));
          return target?.[1] !== undefined && inodes.has(target[1]);
        } catch {
          return false;
        }
      });
    } catch {
      return false;
    }
  });
}
