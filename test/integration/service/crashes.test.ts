import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Pool } from "pg";
import { afterAll, beforeAll, describe, it } from "vitest";
import { PostgresStackStore } from "../../../adapters/postgres/stack-store.ts";
import { PROJECT_NAME } from "../../../components/claw-instance/urns.ts";
import { processesIn } from "../../support/agent/harness.ts";
import { anEcho, aTenant } from "../../support/builders/manifests.ts";
import { eventually, startTestService, type TestService } from "../../support/service.ts";

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
  await service.claw().tenants.create(aTenant("acme"));
});
afterAll(() => service.stop());

describe("an operation's process that is killed", () => {
  it("costs time only: every instance comes to run, once", { timeout: 90_000 }, async ({ expect }) => {
    const claw = service.claw("acme");
    const names = ["one", "two", "three", "four"];
    await Promise.all(names.map((name) => claw.instances.create(anEcho(name))));
    // The processes that run stack operations, killed at different points of the work: before, during and after the instances' processes come up.
    for (const waitMs of [0, 150, 300]) {
      await delay(waitMs);
      spawnSync("pkill", ["-KILL", "-P", String(process.pid), "-f", "stack-worker"]);
    }
    for (const name of names) {
      await eventually(
        () => claw.instances.get(name),
        ({ status, metadata }) => status.phase === "Running" && status.observedGeneration === metadata.generation,
        60_000,
      );
    }
    // One that a killed process started may still be about to see that there is another.
    const agents = () => execFileSync("pgrep", ["-fc", `agent/main.ts ${service.dataDir}`], { encoding: "utf8" });
    await expect.poll(() => Number(agents()), { timeout: 30_000 }).toBe(names.length);
  });
});

describe("an operation whose process is killed half-way", () => {
  it("is seen while it runs, is interrupted then, and is followed by one that succeeds", { timeout: 90_000 }, async ({ expect }) => {
    const claw = service.claw("acme");
    await claw.instances.create(anEcho("followed"));
    const isRunning = async () => (await claw.instances.operations("followed")).items[0]?.state === "running";
    await expect.poll(isRunning, { interval: 10, timeout: 30_000 }).toBe(true);
    spawnSync("pkill", ["-KILL", "-P", String(process.pid), "-f", "stack-worker"]);
    const { items } = await eventually(
      () => claw.instances.operations("followed"),
      ({ items: [newest] }) => newest?.state === "succeeded",
      60_000,
    );
    expect(items.at(-1)?.state).toBe("interrupted");
    expect(items.flatMap(({ resources }) => resources).filter(({ state }) => state === "running")).toEqual([]);
  });
});

describe("an instance that is destroyed when the process that was making it has been killed", () => {
  it("leaves no agent, no claw, no folder and no port behind", { timeout: 90_000 }, async ({ expect }) => {
    const claw = service.claw("acme");
    const { uid } = (await claw.instances.create(anEcho("short"))).metadata;
    const runDir = join(service.dataDir, "run", uid);
    await eventually(async () => existsSync(join(runDir, "process.json")), Boolean);
    spawnSync("pkill", ["-KILL", "-P", String(process.pid), "-f", "stack-worker"]);
    await claw.instances.delete("short", { purgeData: true });
    await eventually(
      async () => (await claw.instances.list({})).items.map(({ metadata }) => metadata.name),
      (names) => !names.includes("short"),
    );
    expect(existsSync(runDir)).toBe(false);
    expect(existsSync(join(service.dataDir, "tenants", "acme", uid))).toBe(false);
    await expect.poll(() => processesIn(runDir), { timeout: 20_000 }).toEqual([]);
    const ports = join(service.dataDir, "ports");
    expect(readdirSync(ports).filter((name) => readFileSync(join(ports, name), "utf8").includes(uid))).toEqual([]);
  });
});

describe("what is on the host of an instance that nobody knows", () => {
  it("is ended after a grace, but for its data, and only where the host is this control plane's", { timeout: 120_000 }, async ({
    expect,
    onTestFinished,
  }) => {
    const sweeping = await startTestService({ CLAW_SWEEP_SECONDS: "2" });
    const pool = new Pool({ connectionString: sweeping.databaseUrl });
    onTestFinished(async () => {
      await pool.end();
      await sweeping.stop();
    });
    await sweeping.claw().tenants.create(aTenant("acme"));
    const claw = sweeping.claw("acme");
    const isRunning = async (name: string) =>
      eventually(
        () => claw.instances.get(name),
        ({ status }) => status.phase === "Running",
      );
    const made = await Promise.all(["known", "lost"].map((name) => claw.instances.create(anEcho(name))));
    await Promise.all(["known", "lost"].map(isRunning));
    const [known = "", lost = ""] = made.map(({ metadata }) => metadata.uid);
    const runDirOf = (uid: string) => join(sweeping.dataDir, "run", uid);
    const claims = () => {
      const ports = join(sweeping.dataDir, "ports");
      return readdirSync(ports).filter((name) => /^\d+$/.test(name) && readFileSync(join(ports, name), "utf8").includes(lost));
    };
    const before = processesIn(runDirOf(known)).sort();
    expect(claims()).toHaveLength(1);

    const owner = join(sweeping.dataDir, "control-plane");
    const own = readFileSync(owner, "utf8");
    writeFileSync(owner, "another");
    await pool.query("delete from instances where id = $1", [lost]);
    await delay(4_000);
    expect(processesIn(runDirOf(lost)).length).toBeGreaterThan(0);

    writeFileSync(owner, own);
    await expect
      .poll(() => [existsSync(runDirOf(lost)), claims(), processesIn(runDirOf(lost))], { timeout: 30_000 })
      .toEqual([false, [], []]);
    expect(existsSync(join(sweeping.dataDir, "tenants", "acme", lost))).toBe(true);
    expect(processesIn(runDirOf(known)).sort()).toEqual(before);
  });
});

describe("an operation of another replica", () => {
  it("is waited for, and no failure of the instance", async ({ expect, onTestFinished }) => {
    const pool = new Pool({ connectionString: service.databaseUrl });
    onTestFinished(() => pool.end());
    const { uid } = (await service.claw().tenants.get("acme")).metadata;
    const store = new PostgresStackStore(pool, uid);
    const lease = await store.acquireLease({ project: PROJECT_NAME, stack: "acme" }, "another", 3600);
    const claw = service.claw("acme");
    await claw.instances.create(anEcho("patient"));
    const waiting = await eventually(
      () => claw.instances.get("patient"),
      ({ status }) => status.conditions.some(({ reason }) => reason === "StackLocked"),
    );
    expect(waiting.status.phase).toBe("Creating");
    await store.releaseLease(lease);
    await eventually(
      () => claw.instances.get("patient"),
      ({ status }) => status.phase === "Running",
      60_000,
    );
    const { items } = await claw.instances.events("patient");
    expect(items.filter(({ type }) => type === "Warning")).toEqual([]);
  });
});
