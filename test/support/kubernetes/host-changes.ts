import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a kubelet and its pods' network set on the host, and don't set back. */
const sysctls = [
  "kernel.keys.root_maxbytes",
  "kernel.keys.root_maxkeys",
  "kernel.panic",
  "kernel.panic_on_oops",
  "net.ipv4.ip_forward",
  "vm.overcommit_memory",
];
const savedDir = join(tmpdir(), "claw-test-sysctls");
const sysctlFile = (name: string) => `/proc/sys/${name.replaceAll(".", "/")}`;
const CGROUPS = "/sys/fs/cgroup";
/** How long processes of a cgroup may take to be gone, of all hierarchies together. */
const CGROUP_MS = 20_000;

export interface HostChanges {
  /** An address of this machine that is this cluster's alone, and the number in it. */
  readonly address: string;
  readonly number: number;
  readonly cgroup: string;
  undo(): void;
}

/** Takes an address, a cgroup and the right to change sysctls; the last of several clusters to leave sets those back. */
export function claimHost(): HostChanges {
  takeBackLeftovers();
  const number = claimNumber();
  const address = addressOf(number);
  const cgroup = nameOf(number);
  const holder = join(savedDir, `holder-${process.pid}-${number}`);
  mkdirSync(savedDir, { recursive: true });
  const values = Object.fromEntries(sysctls.map((name) => [name, readFileSync(sysctlFile(name), "utf8")]));
  try {
    writeFileSync(join(savedDir, "values.json"), JSON.stringify(values), { flag: "wx" });
  } catch {
    // Another cluster has saved them before it changed them.
  }
  writeFileSync(holder, "");
  for (const controller of controllers()) {
    const dir = join(CGROUPS, controller, cgroup);
    mkdirSync(dir, { recursive: true });
    if (controller === "cpuset") {
      for (const file of ["cpuset.cpus", "cpuset.mems"]) {
        writeFileSync(join(dir, file), readFileSync(join(CGROUPS, controller, file)));
      }
    }
  }
  let isUndone = false;
  const undo = () => {
    if (isUndone) {
      return;
    }
    isUndone = true;
    takeBack(number);
    rmSync(holder, { force: true });
    restoreSysctls();
  };
  // A run that is given up ends without its clean-up.
  process.once("exit", undo);
  return { address, number, cgroup, undo };
}

/** Of a cluster's cgroup and of its bridge. */
export const nameOf = (number: number): string => `claw-test-${number}`;
const addressOf = (number: number) => `10.99.${number}.1`;

/** The address goes last: whoever gets it finds nothing of ours. */
function takeBack(number: number): void {
  const deadline = Date.now() + CGROUP_MS;
  // The kubelet makes it in the unified hierarchy too, where there is one.
  for (const controller of [...controllers(), "unified"]) {
    removeCgroup(join(CGROUPS, controller, nameOf(number)), deadline);
  }
  ip("link", "del", nameOf(number));
  ip("addr", "del", `${addressOf(number)}/32`, "dev", "lo");
}

/** Of runs that were killed. */
function takeBackLeftovers(): void {
  for (const { file, number } of holders().filter(({ pid }) => !isAlive(pid))) {
    try {
      rmSync(file);
    } catch {
      // Another run is at it.
      continue;
    }
    takeBack(number);
  }
}

function holders(): { readonly file: string; readonly pid: number; readonly number: number }[] {
  return namesIn(savedDir)
    .map((name) => ({ file: join(savedDir, name), match: /^holder-(\d+)-(\d+)$/.exec(name) }))
    .flatMap(({ file, match }) => (match ? [{ file, pid: Number(match[1]), number: Number(match[2]) }] : []));
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

/** An address is taken when it can be added. */
function claimNumber(): number {
  for (let number = 1; number < 255; number++) {
    if (ip("addr", "add", `${addressOf(number)}/32`, "dev", "lo")) {
      return number;
    }
  }
  throw new Error("no address of 10.99.0.0/16 can be added to lo: that needs the capability CAP_NET_ADMIN");
}

function restoreSysctls(): void {
  if (!existsSync(join(savedDir, "values.json")) || holders().some(({ pid }) => isAlive(pid))) {
    return;
  }
  const values = JSON.parse(readFileSync(join(savedDir, "values.json"), "utf8")) as Record<string, string>;
  for (const [name, value] of Object.entries(values)) {
    writeFileSync(sysctlFile(name), value);
  }
  rmSync(savedDir, { recursive: true });
}

function controllers(): string[] {
  const present = namesIn(CGROUPS);
  return ["blkio", "cpu", "cpuacct", "cpuset", "devices", "freezer", "memory", "pids", "systemd"].filter((name) => present.includes(name));
}

/** Cgroups are removed from the inside out, once their processes are gone. One that can't be is left: the rest must go all the same. */
function removeCgroup(dir: string, deadline: number): void {
  while (existsSync(dir)) {
    try {
      for (const entry of readdirSync(dir, { withFileTypes: true })) {
        if (entry.isDirectory()) {
          removeCgroup(join(dir, entry.name), deadline);
        }
      }
      // 0 is one that can't be seen from here.
      for (const pid of readFileSync(join(dir, "cgroup.procs"), "utf8").split("\n").map(Number).filter(Boolean)) {
        process.kill(pid, "SIGKILL");
      }
      rmdirSync(dir);
    } catch {
      // EBUSY: its last processes are still on their way out. Others: it goes while we look.
      if (Date.now() > deadline) {
        return;
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    }
  }
}

function ip(...args: string[]): boolean {
  try {
    execFileSync("ip", args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
