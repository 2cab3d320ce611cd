import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { writeExport } from "../../../adapters/automation/state-file.ts";
import { LeaseLostError } from "../../../adapters/engine/contract/store.ts";
import type { StackExport } from "../../../sdk/contract/index.ts";
import { startTimeOf } from "../../../service/agent/processes.ts";
import { PROJECT_NAME } from "../../../stacks/tenant/program.ts";
import { aFixtureInstance } from "../../support/agent/fixture-instance.ts";
import { aHost, until } from "../../support/agent/harness.ts";
import { anOperation, openWorkers, opsOf } from "../../support/automation/worker-pool.ts";
import { aTempDir } from "../../support/claw-provider.ts";
import { createEngineDatabase, type EngineDatabase } from "../../support/engine/database.ts";
import { needsCli } from "../../support/engine/pulumi-cli.ts";

let database: EngineDatabase;
let workers: ReturnType<typeof openWorkers>;
/** Of an npm registry that never answers: an installation from it goes on until somebody stops it. */
let registry: ReturnType<typeof createServer>;
const asked: string[] = [];

beforeAll(async () => {
  database = await createEngineDatabase();
  registry = createServer((request) => void asked.push(request.url ?? "")).listen(0, "127.0.0.1");
  await once(registry, "listening");
  const { port } = registry.address() as AddressInfo;
  workers = openWorkers(database, "/nonexistent", { npm_config_registry: `http://127.0.0.1:${port}` });
});
afterAll(async () => {
  await workers.pool.close();
  registry.closeAllConnections();
  registry.close();
  await database.drop();
});

const ref = { project: PROJECT_NAME, stack: "acme" };
const SECRET = "agent-s3cret";

/** A tenant with one instance that is not running: quick to make, and all of its resources are there. */
async function aTenant(tenantId: string) {
  const host = aHost();
  const instance = aFixtureInstance(host, "a", { running: false });
  const operation = anOperation(tenantId, host, [instance]);
  expectNoFailures(await workers.pool.up(operation));
  const stack = { tenantId, stack: "acme" };
  return {
    host,
    stack,
    operation,
    whole: anOperation(tenantId, host, [instance], undefined),
    exported: () => workers.exportOf(stack, false),
  };
}

function expectNoFailures({ failures }: { failures: readonly unknown[] }): void {
  if (failures.length > 0) {
    throw new Error(JSON.stringify(failures));
  }
}

/** @param file an export, or the text of something else */
async function imported(stack: { tenantId: string; stack: string }, file: StackExport | string) {
  const path = join(aTempDir(), "import.json");
  writeFileSync(path, typeof file === "string" ? file : JSON.stringify(file));
  return workers.administration.importState(stack, path);
}

/** What an export says beside the time it was made and the salt it was sealed with. */
async function contentOf(stack: { tenantId: string; stack: string }): Promise<unknown> {
  const { resources, pending_operations } = (await workers.exportOf(stack, true)).deployment;
  return { resources, pending_operations };
}

describe("an export", () => {
  it("seals secrets, and shows them only when it is asked to", async ({ expect }) => {
    const { stack, exported } = await aTenant("ten_export");
    const sealed = await exported();
    expect(sealed.deployment.resources).toHaveLength(8);
    expect(sealed.deployment.secrets_providers?.type).toBe("passphrase");
    expect(JSON.stringify(sealed)).not.toContain(SECRET);
    expect(JSON.stringify(sealed)).toContain("ciphertext");
    expect(JSON.stringify(await workers.exportOf(stack, true))).toContain(SECRET);
  });

  it("is whole, or refused where no import would take it", async ({ expect }) => {
    const { stack, exported } = await aTenant("ten_size");
    const state = await exported();
    const { length } = JSON.stringify(state);
    const file = join(aTempDir(), "state.json");
    await writeExport(stack, state, file, length);
    expect((await stat(file)).size).toBe(length);
    await expect(writeExport(stack, state, file, length - 1)).rejects.toMatchObject({ code: "stack.too_large" });
  });

  it("of a stack that never was says so, as do history, cancel and unlock", async ({ expect }) => {
    const stack = { tenantId: "ten_export", stack: "other" };
    const { administration } = workers;
    for (const ask of [
      () => workers.exportOf(stack, false),
      () => administration.listHeld(stack),
      () => administration.history(stack, 10, 1),
      () => administration.migrate(stack, "cli"),
      () => administration.cancel(stack),
      () => administration.unlock(stack),
    ]) {
      await expect(ask()).rejects.toMatchObject({ code: "stack.not_found" });
    }
  });
});

describe("an instance that is forgotten", () => {
  it("leaves the state with all that is its own, what is under way of it too, and nothing of it is ended", async ({ expect }) => {
    const { host, stack, exported } = await aTenant("ten_forget");
    const both = [aFixtureInstance(host, "a", { running: false }), aFixtureInstance(host, "b", { running: false })];
    expectNoFailures(await workers.pool.up(anOperation("ten_forget", host, both)));
    const whole = await exported();
    const mine = (whole.deployment.resources ?? []).find(({ urn }) => urn.endsWith("::b-process"));
    const pending = [{ type: "updating", resource: mine ?? { urn: "", type: "" } }];
    await imported(stack, { ...whole, deployment: { ...whole.deployment, pending_operations: pending } });

    await workers.administration.forget(stack, ["b"]);
    await workers.administration.forget(stack, ["b", "never-was"]);
    const left = (await exported()).deployment;
    const names = (left.resources ?? []).map(({ urn }) => urn.split("::").at(-1));
    expect(names).toContain("a-process");
    expect(names.filter((name) => name?.startsWith("b"))).toEqual([]);
    expect(left.pending_operations ?? []).toEqual([]);
    expect(opsOf(await workers.pool.preview(anOperation("ten_forget", host, both.slice(0, 1), undefined)))).toEqual({});
    await workers.administration.forget({ tenantId: "ten_forget", stack: "never-was" }, ["a"]);
  });
});

describe("an import", () => {
  it("takes back what an export gave, sealed or in plaintext, and previews empty", async ({ expect }) => {
    const { stack, operation, whole, exported } = await aTenant("ten_import");
    const before = await contentOf(stack);
    for (const file of [await exported(), await workers.exportOf(stack, true)]) {
      await imported(stack, file);
      expect(await contentOf(stack)).toEqual(before);
      expect(opsOf(await workers.pool.preview(operation))).toEqual({});
      expect(opsOf(await workers.pool.preview(whole))).toEqual({});
    }
  });

  it("brings a stack into a tenant that has none", async ({ expect }) => {
    const { stack, whole } = await aTenant("ten_source");
    const file = await workers.exportOf(stack, true);
    const to = { tenantId: "ten_empty", stack: "acme" };
    expect(await imported(to, file)).toEqual({ resources: 8 });
    expect(opsOf(await workers.pool.preview({ ...whole, tenantId: "ten_empty" }))).toEqual({});
  });

  it("refuses what is not sound, names why, and loses nothing", async ({ expect }) => {
    const { stack, exported } = await aTenant("ten_rubbish");
    const before = await contentOf(stack);
    const good = await exported();
    const resources = good.deployment.resources ?? [];
    const bad: [why: RegExp, file: StackExport][] = [
      [/from a different stack \(other != acme\)/, JSON.parse(JSON.stringify(good).replaceAll("urn:pulumi:acme::", "urn:pulumi:other::"))],
      [/state file contains errors/, { ...good, deployment: { ...good.deployment, resources: resources.toReversed() } }],
      [/state file contains errors/, { ...good, deployment: { ...good.deployment, resources: resources.slice(1) } }],
      [/magic cookie mismatch/, { ...good, deployment: { ...good.deployment, manifest: { version: "v3.1.0", magic: "no" } } }],
      [/version is too new/, { ...good, version: 99 }],
      [
        /secrets can't be decrypted: incorrect passphrase/,
        JSON.parse(JSON.stringify(good).replace(/"salt":"v1:[^:]*/, '"salt":"v1:AAAAAAAAAAA=')),
      ],
    ];
    for (const [why, file] of bad) {
      const error = await imported(stack, file).catch((cause: unknown) => cause);
      expect(error).toMatchObject({ code: "stack.invalid", message: expect.stringMatching(why) });
      expect(JSON.stringify(error)).not.toContain("--force");
    }
    expect(await contentOf(stack)).toEqual(before);
  });

  it("is looked into by a worker: what is no export is refused, and not quoted", async ({ expect }) => {
    const stack = { tenantId: "ten_rubbish", stack: "acme" };
    const bad: [code: string, path: string, file: string][] = [
      ["request.malformed", "", '{"version":3,"deployment":{"token":"hunter2"'],
      ["request.invalid", "", `{"version":3,"deployment":{"deep":${"[".repeat(100_000)}${"]".repeat(100_000)}}}`],
      ["request.invalid", "deployment", '{"version":3}'],
      ["request.invalid", "deployment.resources[0].urn", '{"version":3,"deployment":{"resources":[{"type":"hunter2"}]}}'],
    ];
    for (const [code, path, file] of bad) {
      const error = await imported(stack, file).catch((cause: unknown) => cause);
      expect(error).toMatchObject({ code, issues: [{ path }] });
      expect(JSON.stringify(error)).not.toContain("hunter2");
    }
  });
});

describe("the history", () => {
  it("tells each operation once, newest first, in pages", async ({ expect }) => {
    const { stack, operation } = await aTenant("ten_history");
    await workers.pool.up(operation);
    await workers.pool.refresh(operation);
    const all = await workers.administration.history(stack, 10, 1);
    expect(all.map(({ version, kind, result }) => `${version} ${kind} ${result}`)).toEqual([
      "3 refresh succeeded",
      "2 update succeeded",
      "1 update succeeded",
    ]);
    expect(all[2]?.resourceChanges).toEqual({ create: 7 });
    expect((await workers.administration.history(stack, 2, 2)).map(({ version }) => version)).toEqual([1]);
  });

  it("shows the beginning of a long message: 500 operations are one answer", async ({ expect }) => {
    const { stack } = await aTenant("ten_message");
    const time = "2026-01-01T00:00:00.000Z";
    const entry = { startTime: time, endTime: time, environment: {}, config: {}, result: "succeeded", resourceChanges: {} } as const;
    await workers.storeOf(stack.tenantId).appendHistory(ref, { ...entry, kind: "update", message: "🦀".repeat(100_000) });
    const [newest] = await workers.administration.history(stack, 1, 1);
    expect(newest?.message).toBe("🦀".repeat(256));
  });
});

/** An operation that does not end by itself, in a worker process. */
async function hangIn(host: string, stack: { tenantId: string; stack: string }) {
  const { runtime } = aFixtureInstance(host, "b");
  const software = { source: "npm" as const, package: stack.tenantId, version: "1.0.0" };
  const running = workers.pool.up(anOperation(stack.tenantId, host, [aFixtureInstance(host, "b", { runtime: { ...runtime, software } })]));
  running.catch(() => undefined);
  await until(async () => asked.some((url) => url.includes(stack.tenantId)), "the installation has begun", 120_000);
  return { stack, running };
}
const aHangingOperation = async (tenantId: string) => {
  const { host, stack } = await aTenant(tenantId);
  return hangIn(host, stack);
};

describe("a cancel", () => {
  it("stops the operation of another process cleanly: it ends as cancelled and leaves no lock", async ({ expect }) => {
    const { stack, running } = await aHangingOperation("ten_cancel");
    const { holder, stopped } = await workers.administration.cancel(stack);
    expect(holder).toMatch(/\/\d+$/);
    expect(stopped).toBe(true);
    const result = await running.catch((error: unknown) => error);
    expect(JSON.stringify(result)).toMatch(/cancel|b-software/);
    const { deployment } = await workers.exportOf(stack, false);
    expect(deployment.resources?.filter(({ urn }) => urn.endsWith("::b-software"))).toEqual([]);
    expect(await workers.administration.cancel(stack)).toEqual({ holder: undefined, stopped: true });
    const lease = await workers.storeOf(stack.tenantId).acquireLease(ref, "next", 5);
    await workers.storeOf(stack.tenantId).releaseLease(lease);
  });

  it("gets through though every worker is busy, as an export does", async ({ expect }) => {
    const { stack, running } = await aHangingOperation("ten_busy");
    expect((await workers.exportOf(stack, false)).version).toBe(3);
    await workers.administration.cancel(stack);
    await running.catch(() => undefined);
  });
});

describe("an unlock", () => {
  it("sets a stack free whose worker died, and what the dead one still writes is refused", async ({ expect }) => {
    const { stack, operation } = await aTenant("ten_unlock");
    const store = workers.storeOf(stack.tenantId);
    const dead = await store.acquireLease(ref, "gone/1", 3600);
    await expect(workers.pool.up(operation)).rejects.toMatchObject({ code: "stack.locked" });
    expect(await workers.administration.unlock(stack)).toEqual({ holder: "gone/1" });
    expectNoFailures(await workers.pool.up(operation));
    await expect(store.commit(dead, [{ kind: "remove", key: "any" }])).rejects.toBeInstanceOf(LeaseLostError);
    await expect(store.renewLease(dead, 30)).rejects.toBeInstanceOf(LeaseLostError);
    expect(await workers.administration.unlock(stack)).toEqual({ holder: undefined });
  });
});

describe("a stack that moves between the engines", () => {
  needsCli();

  it("previews empty at each end: embedded, CLI, embedded; and changes made there come back", { timeout: 600_000 }, async ({ expect }) => {
    const { host, stack, operation, whole, exported } = await aTenant("ten_moving");
    const urns = (await exported()).deployment.resources?.map(({ urn }) => urn).sort();
    expect(await workers.administration.migrate(stack, "cli")).toEqual({ from: "embedded", resources: 8 });
    expect(await workers.administration.migrate(stack, "cli")).toEqual({ from: "cli", resources: 8 });
    expect(opsOf(await workers.pool.preview(operation))).toEqual({});
    expect(opsOf(await workers.pool.preview(whole))).toEqual({});
    expect(JSON.stringify(await workers.exportOf(stack, false))).not.toContain(SECRET);
    const { rows } = await database.pool.query(
      `select convert_from(decode(data->>'data', 'base64'), 'utf8') as text from claw_cli.pulumi_state_ten_moving where key like '%/acme.json'`,
    );
    expect(rows).toHaveLength(1);
    expect(rows[0].text).toContain("ciphertext");
    expect(rows[0].text).not.toContain(SECRET);

    const b = aFixtureInstance(host, "b", { running: false });
    expectNoFailures(await workers.pool.up(anOperation(stack.tenantId, host, [b])));
    expect((await workers.administration.history(stack, 1, 1))[0]).toMatchObject({ kind: "update", result: "succeeded" });
    expect(await workers.administration.migrate(stack, "embedded")).toEqual({ from: "cli", resources: 14 });
    expect((await workers.administration.history(stack, 10, 1)).at(-1)).toMatchObject({ version: 1, kind: "update" });
    const instances = [...whole.spec.instances, b];
    expect(opsOf(await workers.pool.preview(anOperation(stack.tenantId, host, instances, undefined)))).toEqual({});
    expectNoFailures(await workers.pool.up(anOperation(stack.tenantId, host, [], ["b"])));
    expect(opsOf(await workers.pool.preview(whole))).toEqual({});
    expect((await exported()).deployment.resources?.map(({ urn }) => urn).sort()).toEqual(urns);
  });

  it("is taken by a CLI of one's own, as the guide says", async ({ expect }) => {
    const { stack, host } = await aTenant("ten_by_hand");
    writeFileSync(join(host, "acme.json"), JSON.stringify(await workers.exportOf(stack, true)));
    writeFileSync(join(host, "Pulumi.yaml"), `name: ${PROJECT_NAME}\nruntime: nodejs\n`);
    mkdirSync(join(host, "state"));
    const env = {
      ...process.env,
      PULUMI_CONFIG_PASSPHRASE: "",
      PULUMI_BACKEND_URL: `file://${host}/state`,
      PULUMI_HOME: join(host, "home"),
    };
    const pulumi = (...args: string[]) => execFileSync("pulumi", ["stack", ...args], { cwd: host, env, encoding: "utf8", stdio: "pipe" });
    pulumi("init", "acme");
    pulumi("import", "--file", "acme.json");
    expect(pulumi("export")).not.toContain(SECRET);
    expect(pulumi("export", "--show-secrets")).toContain(SECRET);
  });

  it("is cancelled there too", { timeout: 600_000 }, async ({ expect }) => {
    const { host, stack } = await aTenant("ten_cli_cancel");
    await workers.administration.migrate(stack, "cli");
    const { running } = await hangIn(host, stack);
    expect(await workers.administration.cancel(stack)).toEqual({ holder: expect.stringMatching(/\/\d+$/), stopped: true });
    expect(JSON.stringify(await running.catch((error: unknown) => error))).toMatch(/cancel|b-software/);
    expectNoFailures(await workers.pool.up(anOperation(stack.tenantId, host, [aFixtureInstance(host, "c", { running: false })])));
  });

  it("is gone on with after its worker and CLI were killed, though their lock is left", { timeout: 600_000 }, async ({ expect }) => {
    const { host, stack } = await aTenant("ten_cli_killed");
    await workers.administration.migrate(stack, "cli");
    const { running } = await hangIn(host, stack);
    // An idle one may be about to be replaced.
    const worker = childrenOf(process.pid, "stack-worker").find((pid) => childrenOf(pid, "pulumi").length > 0);
    if (worker === undefined) {
      throw new Error("no worker runs the CLI");
    }
    const killed = [...childrenOf(worker, "pulumi"), worker];
    for (const pid of killed) {
      process.kill(pid, "SIGKILL");
    }
    await expect(running).rejects.toMatchObject({ code: "engine.failed" });
    await until(() => killed.every((pid) => startTimeOf(pid) === undefined), "they have ended");
    expectNoFailures(await workers.pool.up(anOperation(stack.tenantId, host, [aFixtureInstance(host, "c", { running: false })])));
  });
});

function childrenOf(pid: number, command: string): number[] {
  return spawnSync("pgrep", ["-P", String(pid), "-f", command], { encoding: "utf8" })
    .stdout.split("\n")
    .filter(Boolean)
    .map(Number);
}
