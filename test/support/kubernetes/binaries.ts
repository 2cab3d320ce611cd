import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const controlPlane = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"] as const;
const realNode = [
  "kubelet",
  "containerd",
  "containerd-shim-runc-v2",
  "ctr",
  "runc",
  "cni-bridge",
  "cni-host-local",
  "cni-loopback",
] as const;
export type Program = (typeof controlPlane)[number] | (typeof realNode)[number] | "kubectl";

/** Where they are looked for: no registry has them. */
export const binariesDir = process.env["KUBEBUILDER_ASSETS"] || resolve(import.meta.dirname, "../../../.toolchain/kubernetes");

/** The parts of Kubernetes that a test cluster is made of, as found on this machine. */
export interface Binaries {
  readonly dir: string;
  /** What starts a program: its file, or the binary that holds all of Kubernetes and the program's name. */
  command(program: Program): readonly [file: string, ...args: string[]];
}

/** Why this machine can't run a test cluster; undefined when it can. */
export function whyNoCluster({ real = false } = {}): string | undefined {
  const missing = missingIn(real);
  if (missing.length > 0) {
    return `no Kubernetes to test with: ${binariesDir} has no ${missing.join(", ")} (KUBEBUILDER_ASSETS names the folder; Go builds them)`;
  }
  return real ? whyNoRealNode() : undefined;
}

function whyNoRealNode(): string | undefined {
  const effective = BigInt(`0x${/^CapEff:\s*(\w+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0"}`);
  const missing = [...capabilities].filter(([, bit]) => ((effective >> bit) & 1n) === 0n).map(([name]) => name);
  if (missing.length > 0) {
    return `no Kubernetes with real pods: containerd needs ${missing.join(" and ")}`;
  }
  return existsSync("/sys/fs/cgroup/memory") ? undefined : "no Kubernetes with real pods: the set-up is for cgroups of version 1";
}

const capabilities = new Map([
  ["CAP_NET_ADMIN", 12n],
  ["CAP_SYS_ADMIN", 21n],
]);

/** @throws when parts are missing. */
export function findBinaries({ real = false } = {}): Binaries {
  const reason = whyNoCluster({ real });
  if (reason) {
    throw new Error(reason);
  }
  return { dir: binariesDir, command };
}

/** Files that this machine could use and are not there. */
export function missingBinaries(): string[] {
  return missingIn(whyNoRealNode() === undefined).map((program) => (isKubernetes(program) ? "hyper" : program));
}

function missingIn(real: boolean): Program[] {
  return [...controlPlane, ...(real ? realNode : [])].filter((program) => !existsSync(command(program)[0]));
}

function command(program: Program): readonly [string, ...string[]] {
  const own = join(binariesDir, program);
  return isKubernetes(program) && !existsSync(own) ? [join(binariesDir, "hyper"), program] : [own];
}

const isKubernetes = (program: Program) => program.startsWith("kube");
