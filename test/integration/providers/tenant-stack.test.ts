import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "vitest";
import { callAgent } from "../../../adapters/providers/clusterclaw/agent-client.ts";
import { ClawProvider } from "../../../adapters/providers/clusterclaw/provider.ts";
import { aFixtureInstance } from "../../support/agent/fixture-instance.ts";
import { aHost, isRunning, until } from "../../support/agent/harness.ts";
import { useTenantStacks } from "../../support/automation/tenant-stacks.ts";

const aStack = useTenantStacks({ clusterclaw: () => new ClawProvider() });
const aTenant = (rootDir: string) =>
  aStack({ tenant: "acme", target: { runtime: "process", rootDir, agentUrl: "ws://127.0.0.1:9/agent/v1" } });

const agentOf = (hostDir: string, name: string) => {
  const runDir = join(hostDir, "run", `ins_${name}`);
  const status = () => callAgent(runDir, { method: "status" });
  const reaches = (phase: string) => until(async () => (await status()).phase === phase, `${name} is ${phase}`).then(status);
  return { runDir, status, reaches };
};

describe("a tenant's stack on the embedded engine", () => {
  it("makes one instance after another, each by an operation of its own", async ({ expect }) => {
    const host = aHost();
    const run = aTenant(host);
    const a = aFixtureInstance(host, "a");
    const b = aFixtureInstance(host, "b");
    const preview = await run("preview", [a]);
    expect(preview.ops).toEqual({
      a: "create",
      "a-software": "create",
      "a-config": "create",
      "a-data": "create",
      "a-files": "create",
      "a-process": "create",
    });
    expect(JSON.stringify(preview.changes)).not.toMatch(/s3cret/);
    expect(existsSync(agentOf(host, "a").runDir)).toBe(false);
    expect((await run("up", [a])).failures).toEqual([]);
    const { pid } = await agentOf(host, "a").reaches("Ready");
    expect(Object.keys((await run("up", [b])).ops).every((name) => name.startsWith("b"))).toBe(true);
    await agentOf(host, "b").reaches("Ready");
    expect((await agentOf(host, "a").status()).pid).toBe(pid);
    expect((await run("preview", [a, b])).ops).toEqual({});

    await run("up", [], ["a"]);
    expect(existsSync(agentOf(host, "a").runDir)).toBe(false);
    expect(isRunning(pid)).toBe(false);
    expect((await agentOf(host, "b").status()).phase).toBe("Ready");
    await run("destroy", [], ["b"]);
    expect(existsSync(agentOf(host, "b").runDir)).toBe(false);
  });

  it("shows each changed property, and restarts for those that need it", async ({ expect }) => {
    const host = aHost();
    const run = aTenant(host);
    await run("up", [aFixtureInstance(host, "c")]);
    const before = await agentOf(host, "c").reaches("Ready");
    const { runtime } = aFixtureInstance(host, "c");
    const changed = aFixtureInstance(host, "c", {
      runtime: {
        ...runtime,
        restartDigest: "two",
        secretEnv: { CLAW_TOKEN: "another-s3cret" },
        files: [...runtime.files, { path: "extra.json", content: "{}" }],
      },
    });
    const preview = await run("preview", [changed]);
    expect(preview.ops).toEqual({ "c-files": "update", "c-process": "update" });
    const diffs = preview.changes.flatMap((change) => change.diffs);
    expect(diffs.map(({ path, kind }) => `${kind} ${path}`).sort()).toEqual([
      'add files["extra.json"]',
      "update configDigest",
      "update runtime.restartDigest",
      "update secretEnv.CLAW_TOKEN",
    ]);
    expect(JSON.stringify(preview)).not.toMatch(/s3cret/);
    await run("up", [changed]);
    await until(async () => (await agentOf(host, "c").status()).pid !== before.pid, "another process");
    await agentOf(host, "c").reaches("Ready");
    await run("destroy", [], ["c"]);
  });

  it("finds and repairs drift: an edited file, a dead agent", async ({ expect }) => {
    const host = aHost();
    const run = aTenant(host);
    const d = aFixtureInstance(host, "d");
    await run("up", [d]);
    const { pid } = await agentOf(host, "d").reaches("Ready");
    const file = join(host, "tenants", "acme", "ins_d", "config", "claw.mjs");
    rmSync(file);
    process.kill(JSON.parse(readFileSync(join(agentOf(host, "d").runDir, "agent.json"), "utf8")).pid, "SIGKILL");
    await run("refresh", [d]);
    expect((await run("preview", [d])).ops).toEqual({ "d-files": "update", "d-process": "update" });
    await run("up", [d]);
    expect(existsSync(file)).toBe(true);
    expect((await agentOf(host, "d").reaches("Ready")).pid).toBe(pid);
    await run("destroy", [], ["d"]);
  });

  it("names the instance and the reason when its software can't be had", async ({ expect }) => {
    const host = aHost();
    const run = aTenant(host);
    const { runtime } = aFixtureInstance(host, "e");
    const bad = aFixtureInstance(host, "e", {
      runtime: { ...runtime, software: { source: "npm", package: "openclaw", version: "latest" } },
    });
    const { failures } = await run("up", [bad]);
    expect(failures[0]).toMatchObject({ instance: "e", urn: expect.stringContaining("e-software") });
    expect(failures[0]?.message).toContain("must be an exact version");
  });
});
