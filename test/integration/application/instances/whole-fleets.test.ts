import { randomBytes } from "node:crypto";
import { describe, it } from "vitest";
import { SecretCipherAes } from "../../../../adapters/identity/cipher.ts";
import { resealStored } from "../../../../service/application/secrets/reseal.ts";
import { anApplication } from "../../../support/application.ts";
import { aClusterManifest } from "../../../support/builders/cluster.ts";
import { anEcho, aTemplate, aTenant } from "../../../support/builders/manifests.ts";
import { rowsAtOnce } from "../../../support/rows-at-once.ts";

/** More than a page has. */
const MANY = 520;
const PAGE_MAX = 501;

const masterKey = new Uint8Array(randomBytes(32));
const app = await anApplication({ masterKey });
const admin = app.admin();
const { pool } = app.database;
await admin.tenants.create(aTenant("acme"));
await admin.clusters.create(aClusterManifest("far"));
await app.inspect("far", { ok: true, version: "v1.37.0", nodes: 1, allocatable: { instances: 9000, cpu: 9000, memoryBytes: 2 ** 50 } });
const variables = (text: string) => ({ variables: [{ name: "reply.prefix", type: "string", default: text }] });
const shared = app.admin("default");
await shared.configs.create(aTemplate("fleet", variables("one: ")));
await shared.configs.publish("fleet");
const claw = app.as({ tenant: "acme" });
await claw.instances.create(anEcho("c", { config: { template: "fleet" }, placement: { selector: {} }, running: false }));
await app.settle();

/** As many of a row as make up a fleet: written one by one they would take minutes. */
async function multiply(table: string, name: string): Promise<void> {
  const { rows } = await pool.query<{ column_name: string }>(
    `select column_name from information_schema.columns where table_schema = 'public' and table_name = $1`,
    [table],
  );
  const columns = rows.map(({ column_name }) => column_name);
  const values = columns.map((column) => (column === "id" || column === "name" ? `${column} || '-' || n` : column));
  await pool.query(
    `insert into ${table} (${columns.join(", ")}) select ${values.join(", ")} from ${table}, generate_series(1, ${MANY}) n where name = $1`,
    [name],
  );
}
await multiply("instances", "c");

const generations = async () =>
  (await pool.query("select distinct generation from instances order by 1")).rows.map((row) => row.generation);

describe("a whole fleet is never read at once", () => {
  const { most } = rowsAtOnce(pool);

  it("when a shared template is published, though all of it is previewed and reconciled", { timeout: 120_000 }, async ({ expect }) => {
    const before = await generations();
    const preview = await shared.previews.create({ manifests: [aTemplate("fleet", variables("two: "))] });
    expect(preview.summary.items.update).toBe(MANY + 2);
    await shared.previews.apply(preview.planId ?? "");
    expect(await generations()).toEqual(before.map((generation) => generation + 1));
    expect(most()).toBeLessThanOrEqual(PAGE_MAX);
  });

  it("when a cluster is changed, goes away and comes back, or is drained", { timeout: 120_000 }, async ({ expect }) => {
    const before = await generations();
    await admin.clusters.replace("far", aClusterManifest("far", { storageClass: "slow" }));
    expect(await generations()).toEqual(before.map((generation) => generation + 1));
    await app.inspect("far", { ok: false, reason: "Timeout", message: "" });
    const { rows } = await pool.query("select count(*)::int from instances where conditions::text like '%Timeout%'");
    expect(rows).toEqual([{ count: MANY + 1 }]);
    expect(await admin.clusters.drain("far")).toMatchObject({ summary: { moved: 0, stays: MANY + 1 } });
    expect(most()).toBeLessThanOrEqual(PAGE_MAX);
  });

  it("when an instance is placed, a quota is set, or secrets are sealed anew", { timeout: 120_000 }, async ({ expect }) => {
    await multiply("clusters", "far");
    await multiply("tenants", "acme");
    await expect(claw.instances.create(anEcho("one-more", { placement: { selector: { no: "where" } } }))).rejects.toMatchObject({
      code: "placement.unsatisfied",
    });
    await admin.tenants.setQuota("acme", { instances: 5000 });
    const { transactions, types } = app.dependencies;
    await resealStored({ transactions, types, cipher: new SecretCipherAes(masterKey) });
    expect(most()).toBeLessThanOrEqual(PAGE_MAX);
  });
});
