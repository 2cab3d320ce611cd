import { spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { ConcurrentUpdateError, LocalWorkspace, type Stack } from "@pulumi/pulumi/automation/index.js";
import { afterEach, beforeEach, describe, it } from "vitest";
import { createCliCommand, findCli } from "../../../adapters/automation/cli-command.ts";
import { needsCli } from "../../support/engine/pulumi-cli.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "claw-cli-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function aStack(onProgress?: (message: string) => void): Promise<{ stack: Stack; locks: string }> {
  const state = join(folder, "state");
  mkdirSync(state, { recursive: true });
  const home = join(folder, "home");
  const cli = await findCli({ installDir: folder });
  const pulumiCommand = createCliCommand({ cli, home, backendUrl: `file://${state}`, ...(onProgress && { onProgress }) });
  const stack = await LocalWorkspace.createStack(
    { stackName: "s1", projectName: "cli", program: async () => ({ x: 1 }) },
    { pulumiCommand, envVars: { PULUMI_CONFIG_PASSPHRASE: "pw" } },
  );
  return { stack, locks: join(state, ".pulumi", "locks", "organization", "cli", "s1") };
}
function lock(locks: string, holder: { pid: number; hostname: string }): void {
  mkdirSync(locks, { recursive: true });
  const content = { ...holder, username: "root", timestamp: new Date().toISOString() };
  writeFileSync(join(locks, `${randomUUID()}.json`), JSON.stringify(content));
}

describe("the CLI engine", () => {
  needsCli();

  it("runs an inline program through the CLI on PATH", async ({ expect }) => {
    const { stack } = await aStack();
    const { outputs } = await stack.up();
    expect(outputs).toEqual({ x: { value: 1, secret: false } });
  });

  it("removes the lock of a process of this machine that has ended", async ({ expect }) => {
    const progress: string[] = [];
    const { stack, locks } = await aStack((message) => progress.push(message));
    lock(locks, { pid: spawnSync("true").pid, hostname: hostname() });
    expect((await stack.up()).summary.result).toBe("succeeded");
    expect(progress).toEqual(["removing the lock of an ended process on stack 's1'"]);
  });

  it("removes the lock of a process that ended and that nobody asked after", async ({ expect }) => {
    const { stack, locks } = await aStack();
    const parent = spawn("sh", ["-c", "true & echo $!; exec sleep 60"], { stdio: ["ignore", "pipe", "ignore"] });
    try {
      const [pid] = await once(parent.stdout, "data");
      lock(locks, { pid: Number(pid), hostname: hostname() });
      expect((await stack.up()).summary.result).toBe("succeeded");
    } finally {
      parent.kill("SIGKILL");
    }
  });

  it("leaves the lock of a running process and of another machine alone", async ({ expect }) => {
    const { stack, locks } = await aStack();
    lock(locks, { pid: process.pid, hostname: hostname() });
    await expect(stack.up()).rejects.toBeInstanceOf(ConcurrentUpdateError);
    rmSync(locks, { recursive: true });
    lock(locks, { pid: 1, hostname: "elsewhere" });
    await expect(stack.up()).rejects.toBeInstanceOf(ConcurrentUpdateError);
  });
});

describe("findCli without a CLI", () => {
  it("shows that it installs one, and says what else can be done when that fails", async ({ expect }) => {
    const path = process.env["PATH"];
    process.env["PATH"] = folder;
    const progress: string[] = [];
    try {
      await expect(findCli({ installDir: folder, onProgress: (message) => progress.push(message) })).rejects.toThrow(
        /^the Pulumi CLI is not on PATH, and version 3\.\d+\.\d+ could not be installed\..*on PATH.*get\.pulumi\.com.*CLAW_ENGINE=embedded/,
      );
    } finally {
      process.env["PATH"] = path;
    }
    expect(progress).toEqual([expect.stringMatching(/^installing the Pulumi CLI 3\.\d+\.\d+ in /)]);
    expect(readdirSync(folder)).toEqual([]);
  });
});
