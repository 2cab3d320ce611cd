import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { pino } from "pino";
import { afterAll, beforeAll, describe, it } from "vitest";
import { EnvKeyProvider } from "../../../adapters/identity/local-key-provider.ts";
import { Claw } from "../../../sdk/client/index.ts";
import { readEnvironment } from "../../../service/config/environment.ts";
import { type ControlPlane, startControlPlane } from "../../../service/roots/control-plane/control-plane.ts";
import { aClusterManifest } from "../../support/builders/cluster.ts";
import { anEcho, aTemplate, aTenant } from "../../support/builders/manifests.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";

let database: TestDatabase;
const cleanUps: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) {
    await cleanUp();
  }
  await database.drop();
});

const masterKey = randomBytes(32).toString("base64");
/** A replica with a data folder of its own, as on another host. */
async function aReplica(settings: Readonly<Record<string, string>>): Promise<ControlPlane> {
  const dataDir = await mkdtemp(join(tmpdir(), "claw-rotation-"));
  const env = { CLAW_DATA_DIR: dataDir, CLAW_DATABASE_URL: database.url, CLAW_PORT: "0", CLAW_WORKERS: "1", CLAW_MASTER_KEY: masterKey };
  const replica = await startControlPlane(readEnvironment({ ...env, ...settings }), "0.0.0-test", pino({ level: "silent" }));
  cleanUps.push(async () => {
    await replica.stop();
    await rm(dataDir, { recursive: true, force: true });
  });
  return replica;
}
/** Whether a token lets in, or the code of the refusal. */
const answers = (url: string, token: string) =>
  new Claw({ url, token }).tenants.list().then(
    () => true,
    (error: unknown) => (error as { code: string }).code,
  );

describe("a new administrator's token", () => {
  it("replaces the former at once, at every replica", async ({ expect }) => {
    const former = randomBytes(24).toString("hex");
    const first = await aReplica({ CLAW_ADMIN_TOKEN: former });
    expect(await answers(first.url, former)).toBe(true);
    const token = randomBytes(24).toString("hex");
    const second = await aReplica({ CLAW_ADMIN_TOKEN: token });
    for (const { url } of [first, second]) {
      expect([await answers(url, former), await answers(url, token)]).toEqual(["auth.unauthenticated", true]);
    }
    await Promise.all([first.stop(), second.stop()]);
  });
});

const SECRET = "hunter2-is-not-a-good-key";
const token = randomBytes(24).toString("hex");

/** Every row of every table, as text. */
async function everything(): Promise<string> {
  const tables = await database.pool.query<{ name: string }>(
    "select format('%I', relname) as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace",
  );
  const texts = [];
  for (const { name } of tables.rows) {
    const { rows } = await database.pool.query<{ text: string }>(`select to_jsonb(t)::text as text from ${name} t`);
    texts.push(...rows.map(({ text }) => text));
  }
  return texts.join("\n");
}

describe("a new master key", () => {
  it("is taken with the former beside it, and alone from then on, with nothing of it a change", { timeout: 120_000 }, async ({
    expect,
  }) => {
    const first = await aReplica({ CLAW_ADMIN_TOKEN: token });
    const platform = new Claw({ url: first.url, token });
    await platform.tenants.create(aTenant("acme"));
    await platform.clusters.create(aClusterManifest("far"));
    const claw = new Claw({ url: first.url, token, tenant: "acme" });
    await claw.configs.create(aTemplate("keyed", { variables: [{ name: "reply.prefix", type: "string", secret: true, default: SECRET }] }));
    await claw.configs.publish("keyed");
    const overrides = [{ key: "reply.prefix", value: `${SECRET}-too` }];
    await claw.instances.create(anEcho("keeper", { config: { template: "keyed", overrides }, placement: { cluster: "far" } }));
    await first.stop();
    const wrapped = /"wrapped": "[^"]*/.exec(await everything())?.[0];

    const newKey = randomBytes(32).toString("base64");
    await expect(aReplica({ CLAW_ADMIN_TOKEN: token, CLAW_MASTER_KEY: newKey })).rejects.toThrow("CLAW_MASTER_KEY_FORMER");
    const both = await aReplica({ CLAW_ADMIN_TOKEN: token, CLAW_MASTER_KEY: newKey, CLAW_MASTER_KEY_FORMER: masterKey });
    await both.stop();
    const text = await everything();
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain(wrapped);
    // Secrets stay sealed by the data key, and that is wrapped by nothing but the new key.
    const { rows } = await database.pool.query<{ id: string; wrapped_by: string }>("select id, wrapped_by from data_keys");
    const [{ id, wrapped_by } = { id: "", wrapped_by: "" }] = rows;
    const named = new Set([...text.matchAll(/claw1\.(\w+)\./g)].map(([, key]) => key));
    expect(named).toEqual(new Set([id, wrapped_by.replace("local:", "")]));
    expect(wrapped_by).toBe(await new EnvKeyProvider([new Uint8Array(Buffer.from(newKey, "base64"))]).current());

    // The former key can go, and nothing of the instance or its template is a change.
    const alone = await aReplica({ CLAW_ADMIN_TOKEN: token, CLAW_MASTER_KEY: newKey });
    const after = new Claw({ url: alone.url, token, tenant: "acme" });
    const { metadata, spec } = await after.instances.get("keeper");
    const same = await after.instances.replace("keeper", anEcho("keeper", { ...spec, config: { template: "keyed", overrides } }));
    expect(same.metadata.generation).toBe(metadata.generation);
    expect((await after.configs.get("keyed")).status).toMatchObject({ publishedVersion: 1, dirty: false });
    expect(await after.configs.validate("keyed", { values: {} })).toEqual({ valid: true, issues: [] });
  });
});

describe("claw-server keys rotate", () => {
  it("may be killed at any time while replicas serve, and each start after finds the secrets", { timeout: 120_000 }, async ({ expect }) => {
    const own = await createTestDatabase();
    const dataDir = await mkdtemp(join(tmpdir(), "claw-rotation-"));
    cleanUps.push(async () => {
      await own.drop();
      await rm(dataDir, { recursive: true, force: true });
    });
    const settings = { CLAW_DATABASE_URL: own.url, CLAW_DATA_DIR: dataDir, CLAW_WORKERS: "1", CLAW_ADMIN_TOKEN: token };
    const start = () => startControlPlane(readEnvironment({ ...settings, CLAW_PORT: "0" }), "0.0.0-test", pino({ level: "silent" }));
    const first = await start();
    const other = await start();
    const key = () => readFile(join(dataDir, "master.key"), "utf8");
    const former = await key();
    const platform = new Claw({ url: first.url, token });
    await platform.tenants.create(aTenant("acme"));
    const claw = new Claw({ url: first.url, token, tenant: "acme" });
    const beside = new Claw({ url: other.url, token, tenant: "acme" });
    const secret = { name: "reply.prefix", type: "string", secret: true, default: SECRET };
    await claw.configs.create(aTemplate("keyed", { variables: [secret] }));

    let isOver = false;
    const failures: unknown[] = [];
    const serving = (async () => {
      for (let count = 0; !isOver; count++) {
        const write = (count % 2 === 0 ? claw : beside).configs.replace(
          "keyed",
          aTemplate("keyed", { variables: [secret], description: `${count}` }),
        );
        await write.catch((error: unknown) => failures.push(error));
      }
    })();
    const rotate = () =>
      spawn(process.execPath, ["--disable-warning=ExperimentalWarning", "service/server/main.ts", "keys", "rotate"], {
        env: { ...process.env, ...settings },
        stdio: "pipe",
      });
    // From before it reads the first module until after it is done.
    for (const ms of [300, 700, 1_000, 1_300]) {
      const killed = rotate();
      const ended = once(killed, "exit");
      await delay(ms);
      killed.kill("SIGKILL");
      await ended;
    }
    const last = rotate();
    const said = text(last.stdout);
    expect(await once(last, "exit")).toEqual([0, null]);
    expect(await said).toMatch(/^1 data key is wrapped by local:\w+ now\n$/);
    isOver = true;
    await serving;
    expect(failures).toEqual([]);
    const now = await key();
    expect([now.trim().split("\n").length, now.includes(former.trim())]).toEqual([1, false]);
    await Promise.all([first.stop(), other.stop()]);
    const second = await start();
    const after = new Claw({ url: second.url, token, tenant: "acme" });
    expect(await after.configs.validate("keyed", { values: {} })).toEqual({ valid: true, issues: [] });
    await second.stop();
  });
});
