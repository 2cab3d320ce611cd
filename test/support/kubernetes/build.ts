// Builds the parts of Kubernetes that tests need, of their published Go modules, where they are not there yet:
// `node test/support/kubernetes/build.ts`.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { findProgram } from "../find-program.ts";
import { binariesDir, missingBinaries } from "./binaries.ts";

interface Step {
  readonly what: string;
  readonly packages: readonly string[];
  readonly flags?: readonly string[];
  /** What it needs besides Go, when it needs a C compiler. */
  readonly cgo?: string;
}

const source = join(import.meta.dirname, "source");
const stamp = join(binariesDir, "source");

const steps: readonly Step[] = [
  {
    what: "the control plane",
    packages: ["./hyper", "go.etcd.io/etcd/server/v3", "sigs.k8s.io/kwok/cmd/kwok"],
    flags: ["-ldflags", `-s -w ${versionFlags()}`],
  },
  {
    what: "the parts of a real node",
    packages: [
      ...["containerd", "containerd-shim-runc-v2", "ctr"].map((name) => `github.com/containerd/containerd/v2/cmd/${name}`),
      ...["ipam/host-local", "main/bridge", "main/loopback"].map((path) => `github.com/containernetworking/plugins/plugins/${path}`),
    ],
    flags: ["-ldflags", "-s -w", "-tags", "no_aufs,no_btrfs,no_devmapper,no_zfs"],
  },
  {
    what: "runc",
    packages: ["github.com/opencontainers/runc"],
    flags: ["-ldflags", "-s -w", "-tags", "seccomp"],
    cgo: "a C compiler and the headers of libseccomp (Debian: gcc, libseccomp-dev)",
  },
];

/** Names that are not the last part of their package's path. */
const names: Readonly<Record<string, string>> = {
  bridge: "cni-bridge",
  "host-local": "cni-host-local",
  loopback: "cni-loopback",
  server: "etcd",
};

/** Whether there is something to build, and Go to do it. */
export function canBuildBinaries(): boolean {
  const isOurs = process.platform === "linux" && !process.env["KUBEBUILDER_ASSETS"];
  return isOurs && findGo() !== undefined && (missingBinaries().length > 0 || isOutdated());
}

/** Builds what is missing, once for all processes of this machine; says so, and what it could not build. */
export function buildBinaries(): void {
  mkdirSync(binariesDir, { recursive: true });
  // The lock ends with its holder.
  spawnSync("flock", [`${binariesDir}.lock`, process.execPath, import.meta.filename], { stdio: "inherit" });
}

function findGo(): string | undefined {
  return findProgram("go", ["/usr/local/go/bin"]);
}

function digest(): string {
  const files = ["go.mod", "go.sum", "hyper/main.go"].map((name) => readFileSync(join(source, name)));
  return createHash("sha256").update(Buffer.concat(files)).digest("hex");
}

/** What was brought from elsewhere has no stamp, and is taken as it is. */
function isOutdated(): boolean {
  return existsSync(stamp) && readFileSync(stamp, "utf8") !== digest();
}

/** A Kubernetes that does not know its version refuses to start. */
function versionFlags(): string {
  const [, major, minor, patch] = /k8s\.io\/kubernetes v(\d+)\.(\d+)\.(\d+)/.exec(readFileSync(join(source, "go.mod"), "utf8")) ?? [];
  const values = { gitVersion: `v${major}.${minor}.${patch}`, gitMajor: major, gitMinor: minor };
  return Object.entries(values)
    .map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
    .join(" ");
}

/** A program is put in its place when it is whole. */
async function build(step: Step, go: string): Promise<void> {
  const staging = join(binariesDir, "staging");
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(staging);
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  let packages = 0;
  const errors: string[] = [];
  const progress = setInterval(() => say(`  … ${seconds()} s, ${packages} packages`), 15_000);
  const child = spawn(go, ["build", "-v", "-trimpath", ...(step.flags ?? []), "-o", `${staging}/`, ...step.packages], {
    cwd: source,
    env: { ...process.env, CGO_ENABLED: step.cgo ? "1" : "0" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  createInterface({ input: child.stderr }).on("line", (line) => {
    if (/^[\w.~/-]+$/.test(line)) {
      packages++;
    } else {
      errors.push(line);
    }
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  clearInterval(progress);
  if (code !== 0) {
    const needs = step.cgo && ` It needs ${step.cgo}.`;
    throw new Error(`${step.what} could not be built.${needs ?? ""}\n${errors.slice(-10).join("\n")}`);
  }
  for (const name of readdirSync(staging)) {
    renameSync(join(staging, name), join(binariesDir, names[name] ?? name));
  }
  rmSync(staging, { recursive: true });
  say(`  ${step.what}: ${seconds()} s`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** With the lock: another process may have done it meanwhile. */
if (import.meta.main) {
  const go = findGo();
  if (!go) {
    throw new Error("Go is not installed: https://go.dev/dl");
  }
  const all = isOutdated();
  const missing = missingBinaries();
  const due = steps.filter(({ packages }) =>
    packages
      .map(
        (path) =>
          path
            .replace(/\/v\d+$/, "")
            .split("/")
            .at(-1) ?? "",
      )
      .some((name) => all || missing.includes(names[name] ?? name)),
  );
  if (due.length > 0) {
    say("Building Kubernetes for the tests from its Go modules (the first time takes minutes) …");
    for (const step of due) {
      await build(step, go).catch((error: Error) => say(error.message));
    }
    writeFileSync(stamp, digest());
  }
}
