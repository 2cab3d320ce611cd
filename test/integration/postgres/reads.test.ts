import { Pool } from "pg";
import { afterAll, beforeAll, describe, it } from "vitest";
import { readBound } from "../../../adapters/postgres/bound-query.ts";
import { Reading } from "../../../adapters/postgres/reading.ts";
import { newId } from "../../../sdk/contract/index.ts";
import { anInstance } from "../../support/builders/instance.ts";
import { aProject, storeTenant } from "../../support/builders/tenancy.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { eventually } from "../../support/service.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

describe("reads", () => {
  it("see their tenant alone, however many of all tenants share the connections", async ({ expect }) => {
    const tenants = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const stored = await storeTenant(database.transactions);
        const { tenant, project } = stored;
        await stored.run((tx) =>
          tx.instances.insert(anInstance({ id: newId("ins"), tenantId: tenant.id, projectId: project.id, name: "same" })),
        );
        return tenant;
      }),
    );
    await Promise.all(
      Array.from({ length: 400 }, async (_, n) => {
        const { id, name } = tenants[n % tenants.length] as (typeof tenants)[number];
        const [instance, named] = await Promise.all([
          database.transactions.reads.tenant(id, (tx) => tx.instances.get("same")),
          database.transactions.reads.platform((tx) => tx.tenants.get(name)),
        ]);
        expect([instance.tenantId, named.id]).toEqual([id, id]);
      }),
    );
  });

  it("write and lock nothing, and leave the connection as it was", async ({ expect }) => {
    const { tenant } = await storeTenant(database.transactions);
    const { reads } = database.transactions;
    for (let time = 0; time < 2; time++) {
      const aWrite = reads.tenant(tenant.id, (tx) => tx.projects.insert(aProject({ tenantId: tenant.id, name: "new" })));
      await expect(aWrite).rejects.toThrow();
      await expect(reads.platform((tx) => tx.tenants.lock(tenant.id))).rejects.toThrow("the database refused a statement");
      expect(await reads.tenant(tenant.id, (tx) => tx.projects.find("new"))).toBeUndefined();
    }
  });

  it("have no rights, role or tenant once they have ended, and none after one that failed", async ({ expect }) => {
    const { tenant } = await storeTenant(database.transactions);
    const client = await database.pool.connect();
    try {
      const binding = { role: "claw_app", tenant: tenant.id } as const;
      const settings = `select current_user as role, current_setting('claw.tenant_id', true) as tenant, current_setting('transaction_read_only') as reads`;
      for (let time = 0; time < 2; time++) {
        expect((await readBound(client, binding, settings)).rows).toEqual([{ role: "claw_app", tenant: tenant.id, reads: "on" }]);
        await expect(readBound(client, binding, "select 1 / $1::int as broken", [0])).rejects.toThrow("division by zero");
        await expect(readBound(client, binding, "select nothing from nowhere")).rejects.toThrow("nowhere");
        const { rows } = await client.query(settings);
        expect(rows[0]).toMatchObject({ reads: "off" });
        expect(rows[0].role).not.toBe("claw_app");
        expect(rows[0].tenant ?? "").toBe("");
      }
    } finally {
      client.release();
    }
  });

  it("are unavailable, and no fault of ours, while all connections are in use", async ({ expect }) => {
    const pool = new Pool({ connectionString: database.url, max: 1, connectionTimeoutMillis: 50 });
    const held = await pool.connect();
    try {
      const reading = new Reading(pool).platform.run((manager) => manager.query("select 1"));
      await expect(reading).rejects.toMatchObject({ code: "service.unavailable" });
    } finally {
      held.release();
      await pool.end();
    }
  });

  it("are unavailable when their connection breaks, end nothing else, and go on over another", async ({ expect }) => {
    const reading = new Reading(database.pool).platform.run((manager) => manager.query("select pg_sleep(30) as cut_off"));
    const refused = expect(reading).rejects.toMatchObject({ code: "service.unavailable" });
    const cut = `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like '%cut_off' and pid <> pg_backend_pid()`;
    await eventually(
      async () => (await database.pool.query(cut)).rowCount,
      (count) => count === 1,
    );
    await refused;
    expect(await database.transactions.reads.platform((tx) => tx.tenants.find("nobody"))).toBeUndefined();
  });

  it("go on with other statements than connections keep", async ({ expect }) => {
    const client = await database.pool.connect();
    try {
      for (let n = 0; n < 400; n++) {
        const { rows } = await readBound(client, { role: "claw_platform", tenant: "" }, `select ${n} + $1::int as sum`, [1]);
        expect(rows).toEqual([{ sum: n + 1 }]);
      }
    } finally {
      client.release();
    }
  });
});
