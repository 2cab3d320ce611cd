import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, describe, it } from "vitest";
import { createClawTypes } from "../../../adapters/claws/claw-types.ts";
import { SecretCipherAes } from "../../../adapters/identity/cipher.ts";
import { Claw } from "../../../sdk/client/index.ts";
import { resealStored } from "../../../service/application/secrets/reseal.ts";
import { readEnvironment } from "../../../service/config/environment.ts";
import { openLeaves } from "../../../service/domain/sealed.ts";
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
const types = createClawTypes({ softwareDir: "/nowhere" });
const token = randomBytes(24).toString("hex");
const keyOf = (text: string) => new Uint8Array(Buffer.from(text, "base64"));

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

describe("secrets at rest", () => {
  it("are sealed where they stood in clear before, and by a new master key whenever the work is cut off", { timeout: 120_000 }, async ({
    expect,
  }) => {
    const first = await aReplica({ CLAW_ADMIN_TOKEN: token });
    const platform = new Claw({ url: first.url, token });
    await platform.tenants.create(aTenant("acme"));
    await platform.clusters.create(aClusterManifest("far"));
    const claw = new Claw({ url: first.url, token, tenant: "acme" });
    const variables = [{ name: "reply.prefix", type: "string", secret: true, default: SECRET }];
    await claw.configs.create(aTemplate("keyed", { variables }));
    await claw.configs.publish("keyed");
    const overrides = [{ key: "reply.prefix", value: `${SECRET}-too` }];
    await claw.instances.create(anEcho("keeper", { config: { template: "keyed", overrides }, placement: { cluster: "far" } }));
    // Its secret is the template's alone.
    const atRest = { config: { template: "keyed" }, placement: { cluster: "far" }, running: false };
    await claw.instances.create(anEcho("rest", atRest));
    await claw.instances.create(anEcho("other", { placement: { cluster: "far" }, running: false }));
    const generations = async () =>
      Object.fromEntries(
        (await database.pool.query("select name, generation from instances")).rows.map((row) => [row.name, row.generation]),
      );
    await first.stop();

    // As a version that did not seal them has left them.
    const cipher = new SecretCipherAes(keyOf(masterKey));
    for (const table of ["instances", "config_templates", "config_versions"]) {
      const { rows } = await database.pool.query(`select ctid::text as id, spec from ${table}`);
      for (const { id, spec } of rows) {
        await database.pool.query(`update ${table} set spec = $2 where ctid = $1::tid`, [id, JSON.stringify(openLeaves(spec, cipher))]);
      }
    }
    await database.pool.query("delete from keyring where name = 'resealed'");
    expect(await everything()).toContain(SECRET);
    const before = await generations();
    expect(await resealStored({ ...database, types, cipher })).toEqual(["acme/keeper"]);
    expect(await everything()).not.toContain(SECRET);
    // What was rendered of it is rendered anew where no claw has to be started again for that.
    const rendered = { keeper: before["keeper"], rest: before["rest"] + 1, other: before["other"] };
    expect(await generations()).toEqual(rendered);

    const newKey = randomBytes(32).toString("base64");
    const rotating = new SecretCipherAes(keyOf(newKey), [keyOf(masterKey)]);
    let cuts = 0;
    for (let isDone = false; !isDone; cuts++) {
      // Killed after one transaction more each time: what is not committed is lost with it.
      let left = cuts;
      const mortal = <T>(run: () => Promise<T>) => (left-- > 0 ? run() : Promise.reject(new Error("killed")));
      const transactions = {
        ...database.transactions,
        platform: <T>(work: Parameters<typeof database.transactions.platform<T>>[0]) => mortal(() => database.transactions.platform(work)),
        tenant: <T>(id: Parameters<typeof database.transactions.tenant>[0], work: Parameters<typeof database.transactions.tenant<T>>[1]) =>
          mortal(() => database.transactions.tenant(id, work)),
      };
      isDone =
        (await resealStored({ transactions, types, cipher: rotating }).then(
          () => true,
          (error: Error) => expect(error.message).toBe("killed"),
        )) === true;
    }
    expect(cuts).toBeGreaterThan(5);
    expect(await generations()).toEqual(rendered);
    const derivation = /"name": "derivation"[^}]*/.exec(await everything())?.[0];

    await expect(aReplica({ CLAW_ADMIN_TOKEN: token, CLAW_MASTER_KEY: newKey })).rejects.toThrow("CLAW_MASTER_KEY_FORMER");
    const both = await aReplica({ CLAW_ADMIN_TOKEN: token, CLAW_MASTER_KEY: newKey, CLAW_MASTER_KEY_FORMER: masterKey });
    await both.stop();
    const text = await everything();
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain(derivation);
    expect(new Set([...text.matchAll(/claw1\.(\w+)\./g)].map(([, id]) => id))).toEqual(new Set([rotating.keyId]));

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
