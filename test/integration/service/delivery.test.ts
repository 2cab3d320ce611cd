import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Pool } from "pg";
import { afterAll, beforeAll, beforeEach, describe, it } from "vitest";
import { PostgresStackStore } from "../../../adapters/postgres/stack-store.ts";
import { PROJECT_NAME } from "../../../components/claw-instance/urns.ts";
import type { Claw } from "../../../sdk/client/index.ts";
import type { ClawInstance } from "../../../sdk/contract/index.ts";
import { anEcho, aTemplate, aTenant } from "../../support/builders/manifests.ts";
import { eventually, startTestService, type TestService } from "../../support/service.ts";

let service: TestService;
let pool: Pool;
let claw: Claw;
let store: PostgresStackStore;
const NAMES = ["one", "two", "three"];

beforeAll(async () => {
  service = await startTestService();
  pool = new Pool({ connectionString: service.databaseUrl });
  const { uid } = (await service.claw().tenants.create(aTenant("acme"))).metadata;
  store = new PostgresStackStore(pool, uid);
  claw = service.claw("acme");
  await claw.configs.create(template("first: "));
  await claw.configs.publish("echo", {});
  await Promise.all(NAMES.map((name) => claw.instances.create(anEcho(name, { config: { template: "echo" } }))));
  await Promise.all(NAMES.map((name) => settled(name)));
}, 90_000);
afterAll(async () => {
  await pool.end();
  await service.stop();
});
beforeEach(async () => void (await Promise.all(NAMES.map((name) => settled(name)))));

function template(prefix: string, more: readonly object[] = []) {
  return aTemplate("echo", { variables: [{ name: "reply.prefix", type: "string", default: prefix }, ...more] });
}

async function publish(prefix: string, more?: readonly object[]): Promise<void> {
  await claw.configs.replace("echo", template(prefix, more));
  await claw.configs.publish("echo", {});
}

function synced({ status }: ClawInstance) {
  return status.conditions.find(({ type }) => type === "ConfigSynced");
}

/** Runs what is declared, by its stack as well. */
async function settled(name: string): Promise<ClawInstance> {
  const isSettled = (instance: ClawInstance) =>
    instance.status.observedGeneration === instance.metadata.generation &&
    instance.status.phase === "Running" &&
    synced(instance)?.status === "True";
  return eventually(() => claw.instances.get(name), isSettled, 30_000);
}

async function folderOf(name: string) {
  const { uid } = (await claw.instances.get(name)).metadata;
  const config = join(service.dataDir, "tenants", "acme", uid, "config", "config.json");
  const run = join(service.dataDir, "run", uid);
  return {
    config,
    run,
    prefix: () => JSON.parse(readFileSync(config, "utf8")).reply.prefix as string,
    claw: () => JSON.parse(readFileSync(join(run, "state.json"), "utf8")).claw as { pid: number; readyAtMs?: number },
    agent: () => JSON.parse(readFileSync(join(run, "agent.json"), "utf8")).pid as number,
  };
}

/** Nobody runs an operation on the stack meanwhile. */
async function withoutEngine<T>(work: () => Promise<T>): Promise<T> {
  const lease = await store.acquireLease({ project: PROJECT_NAME, stack: "acme" }, "the test", 3600);
  try {
    return await work();
  } finally {
    await store.releaseLease(lease);
  }
}

describe("a configuration that is published", () => {
  it("is with its claws though no operation runs, and the operation that follows changes nothing of theirs", { timeout: 90_000 }, async ({
    expect,
  }) => {
    const folders = await Promise.all(NAMES.map(folderOf));
    const before = folders.map((folder) => folder.claw().pid);
    await withoutEngine(async () => {
      await publish("second: ");
      const published = performance.now();
      await expect.poll(() => folders.map(({ prefix }) => prefix()), { interval: 10, timeout: 5_000 }).toEqual(NAMES.map(() => "second: "));
      expect(performance.now() - published).toBeLessThan(2_000);
      const delivered = await eventually(
        () => claw.instances.get("one"),
        (instance) => synced(instance)?.status === "True",
        5_000,
      );
      expect(synced(delivered)).toMatchObject({ reason: "Delivered" });
      expect(delivered.status.observedGeneration).toBeLessThan(delivered.metadata.generation);
    });
    const written = folders.map(({ config }) => statSync(config).ino);
    await Promise.all(NAMES.map(settled));
    expect(folders.map((folder) => folder.claw().pid)).toEqual(before);
    expect(folders.map(({ config }) => statSync(config).ino)).toEqual(written);
    const { items } = await claw.previews.create({ changes: [{ action: "publish", name: "echo" }] });
    expect(items.flatMap(({ effect }) => effect).filter((effect) => effect !== "none")).toEqual([]);
  });

  it("restarts a claw once where that is needed", { timeout: 90_000 }, async ({ expect }) => {
    const folder = await folderOf("one");
    const before = folder.claw().pid;
    const overrides = [{ key: "environment.GREETING", value: "hello" }];
    await withoutEngine(async () => {
      await claw.instances.replace("one", anEcho("one", { config: { template: "echo", overrides } }));
      await expect.poll(() => folder.claw()?.pid ?? before, { timeout: 10_000 }).not.toBe(before);
    });
    const restarted = folder.claw().pid;
    const { status } = await settled("one");
    await delay(1_500);
    expect([folder.claw().pid, status.restarts]).toEqual([restarted, 0]);
    expect(readFileSync(`/proc/${restarted}/environ`, "utf8")).toContain("GREETING=hello");
  });

  it("reaches an agent that was away as the latest one, not one after the other", { timeout: 90_000 }, async ({ expect }) => {
    const folder = await folderOf("two");
    const { pid } = folder.claw();
    process.kill(folder.agent(), "SIGSTOP");
    try {
      await withoutEngine(async () => {
        for (const prefix of ["third: ", "fourth: ", "fifth: "]) {
          await publish(prefix);
        }
        expect(synced(await claw.instances.get("two"))).toMatchObject({ status: "Unknown", reason: "Applying" });
        process.kill(folder.agent(), "SIGCONT");
        await expect.poll(folder.prefix, { timeout: 20_000 }).toBe("fifth: ");
      });
    } finally {
      process.kill(folder.agent(), "SIGCONT");
    }
    await settled("two");
    expect(folder.claw().pid).toBe(pid);
  });

  it("is there after its agent died on the way, and after the control plane did", { timeout: 90_000 }, async ({ expect }) => {
    const folder = await folderOf("three");
    const { pid } = folder.claw();
    await publish("sixth: ");
    process.kill(folder.agent(), "SIGKILL");
    await service.restart();
    claw = service.claw("acme");
    await settled("three");
    expect([folder.prefix(), folder.claw().pid]).toEqual(["sixth: ", pid]);
    await publish("seventh: ");
    await service.restart();
    claw = service.claw("acme");
    await settled("three");
    expect([folder.prefix(), folder.claw().pid]).toEqual(["seventh: ", pid]);
  });
});

describe("a config file that somebody changes", () => {
  it("is found by itself, and is as declared again though everything dies on the way", { timeout: 90_000 }, async ({ expect }) => {
    const folder = await folderOf("one");
    const { pid } = folder.claw();
    const declared = folder.prefix();
    writeFileSync(folder.config, JSON.stringify({ reply: { prefix: "by hand: ", wordDelayMs: 0 } }));
    const altered = await eventually(
      () => claw.instances.get("one"),
      (instance) => synced(instance)?.reason === "Altered",
      15_000,
    );
    expect(synced(altered)).toMatchObject({ status: "False", message: expect.stringContaining("reply.prefix") });
    await claw.instances.revert("one");
    process.kill(folder.agent(), "SIGKILL");
    await service.restart();
    claw = service.claw("acme");
    await expect.poll(folder.prefix, { timeout: 30_000 }).toBe(declared);
    const { reverting } = await eventually(
      () => claw.instances.consistency("one"),
      ({ state }) => state === "consistent",
      15_000,
    );
    expect([reverting, folder.claw().pid]).toEqual([undefined, pid]);
    expect(synced(await settled("one"))?.status).toBe("True");
  });
});
