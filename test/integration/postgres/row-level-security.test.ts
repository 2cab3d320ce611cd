import { randomBytes } from "node:crypto";
import type { PoolClient } from "pg";
import { afterAll, beforeAll, describe, it } from "vitest";
import { ClawTypeInputSchema, newId, type PlanId, type TenantId } from "../../../sdk/contract/index.ts";
import { entryOf } from "../../../service/domain/audit/chain.ts";
import { anInstance } from "../../support/builders/instance.ts";
import { aPreview } from "../../support/builders/resources.ts";
import { aMember, aStoredRollout } from "../../support/builders/rollouts.ts";
import { aConfigTemplate, someConfigValues, storeTenant } from "../../support/builders/tenancy.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { aClawType } from "../../support/sample-requests.ts";

/** Tables that hold no tenant's rows. */
const NOT_TENANTS = ["claw_migrations"];

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** Runs with the rights of a tenant's transaction, and rolls back. */
async function asTenant<T>(tenantId: string | undefined, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await database.pool.connect();
  try {
    await client.query("begin; set local role claw_app");
    if (tenantId !== undefined) {
      await client.query(`select set_config('claw.tenant_id', $1, true)`, [tenantId]);
    }
    return await work(client);
  } finally {
    await client.query("rollback");
    client.release();
  }
}

/** A tenant with a row in every table that its transactions can write. */
async function aFullTenant(): Promise<TenantId> {
  const { tenant, project, run } = await storeTenant(database.transactions);
  const now = new Date().toISOString();
  const id = newId("ins");
  await run(async (tx) => {
    await tx.instances.insert(anInstance({ id, tenantId: tenant.id, projectId: project.id }));
    await tx.events.append(id, { id: newId("evt"), time: now, type: "Normal", reason: "Created", message: "" });
    const template = aConfigTemplate({ tenantId: tenant.id });
    await tx.templates.insert(template);
    const version = { templateId: template.id, version: 1, spec: template.spec, digest: "d", author: "a", message: "", createdAt: now };
    await tx.templates.insertVersion(version);
    const values = someConfigValues({ tenantId: tenant.id });
    await tx.values.insert(values);
    await tx.values.update({ ...values, resourceVersion: 2, updatedAt: new Date(Date.parse(values.updatedAt) + 1).toISOString() }, 1);
    await tx.idempotency.claim("key", "digest");
    const common = { tenantId: tenant.id, labels: {}, annotations: {}, generation: 1, resourceVersion: 1, createdAt: now, updatedAt: now };
    const account = { ...common, id: newId("sva"), name: "ci", spec: {} };
    await tx.serviceAccounts.insert(account);
    const key = { id: newId("tok"), name: "ci", tenantId: tenant.id, serviceAccountId: account.id, serviceAccount: "ci", prefix: "claw_" };
    const unused = { scopes: undefined, lastUsedAt: undefined, revokedAt: undefined };
    await tx.tokens.insert({ ...key, ...unused, createdAt: now, createdBy: "a", expiresAt: now }, randomBytes(32).toString("hex"));
    await tx.roles.insert({ ...common, id: newId("rol"), name: "reader", spec: { permissions: ["instances.read"] } });
    const binding = { role: "reader", subjects: [{ kind: "User" as const, name: "alice" }], at: "tenant" as const };
    const bound = { spec: binding, subjects: ["User/alice"], projectId: undefined };
    await tx.roleBindings.insert({ ...common, ...bound, id: newId("rbd"), name: "readers" });
    const rule = { name: "max-replicas" as const, value: "2" };
    const policy = { ...common, id: newId("pol"), name: "small", projectId: undefined };
    await tx.policies.insert({ ...policy, spec: { mode: "enforce", at: "tenant", rule } });
    const { spec } = ClawTypeInputSchema.parse(aClawType("weather"));
    await tx.clawTypes.insert({ ...common, id: newId("typ"), name: "weather", spec, shared: false });
    const rollout = aStoredRollout({ tenantId: tenant.id });
    await tx.rollouts.insert(rollout);
    await tx.rollouts.insertMembers(rollout.id, [aMember({ instance: id })]);
    const secret = { ...common, id: newId("sec"), name: "key", spec: { value: "sealed", refreshSeconds: 300 }, shared: false, state: {} };
    await tx.secrets.insert(secret);
    const preview = aPreview({ id: newId("pln") });
    const plan = { id: preview.id as PlanId, tenantId: tenant.id, createdAt: now, expiresAt: now, author: "a", appliedAt: undefined };
    await tx.plans.insert({ ...plan, changes: [], ids: {}, base: {}, digest: "d", preview }, [{ items: [] }]);
    const recording = { id: newId("rec"), instance: { name: "a", uid: id }, actor: "a", startedAt: now, bytes: 0 };
    await tx.recordings.insert(recording);
    await tx.recordings.append(recording.id, 1, "sealed", 6);
    await tx.operations.write([
      { id: newId("opn"), instance: id, kind: "apply", generation: 1, state: "running", startedAt: now, resources: [] },
    ]);
    await tx.chatSessions.note({ instanceId: id, subject: "a", name: "notes", usedAt: now }, 200);
    tx.audit.append(entryOf({ time: now, by: { subject: "a" }, action: "test.write" }));
    await tx.publish({ id: newId("evt"), event: "cluster.reachable", time: now, data: { uid: "cls_1", name: "east" } });
  });
  await database.transactions.platform((tx) => tx.work.recordUsage([{ instance: id, cpu: 0.1, memoryBytes: 1, time: now }]));
  return tenant.id;
}

describe("row-level security", () => {
  it("is enabled and forced on every table, with a policy", async ({ expect }) => {
    const tables = await database.pool.query<{ relname: string; secured: boolean; policies: string }>(`
      select relname, relrowsecurity and relforcerowsecurity as secured,
             (select count(*) from pg_policy where polrelid = c.oid) as policies
      from pg_class c where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'm', 'v', 'f')`);
    const open = tables.rows.filter((table) => !table.secured || Number(table.policies) === 0).map((table) => table.relname);
    expect(tables.rows.length).toBeGreaterThan(10);
    expect(open).toEqual(NOT_TENANTS);
  });

  it("lets nobody but the shared tenant keep a policy, or a claw type, of the platform", async ({ expect }) => {
    const one = await aFullTenant();
    await asTenant(one, async (client) => {
      await expect(client.query(`update policies set platform = true`)).rejects.toMatchObject({ code: "42501" });
    });
    await asTenant(one, async (client) => {
      await expect(client.query(`update claw_types set shared = true`)).rejects.toMatchObject({ code: "42501" });
    });
  });

  it("lets a tenant's transaction read no row of another tenant, in any table", async ({ expect }) => {
    const [one, other] = [await aFullTenant(), await aFullTenant()];
    const tables = await database.pool.query<{ relname: string; holds: string }>(
      `select relname, attname as holds from pg_class c join pg_attribute a on a.attrelid = c.oid
       where relnamespace = 'public'::regnamespace and relkind = 'r' and (attname = 'tenant_id' or (relname = 'tenants' and attname = 'id'))
         and has_table_privilege('claw_app', c.oid, 'select')`,
    );
    const empty: string[] = [];
    for (const { relname, holds } of tables.rows) {
      const seen = await asTenant(one, (client) => client.query<{ tenant: string }>(`select distinct ${holds} as tenant from ${relname}`));
      expect(seen.rows.filter((row) => row.tenant !== one)).toEqual([]);
      const hidden = await asTenant(undefined, (client) => client.query(`select from ${relname}`));
      expect(hidden.rowCount).toBe(0);
      if (seen.rowCount === 0) {
        empty.push(relname);
      }
    }
    // The engine's tables are filled by its own tests; any other table must have had something to hide.
    expect(empty.filter((table) => !table.startsWith("engine_"))).toEqual([]);
    expect(other).not.toBe(one);
  });

  it("refuses to write a row of another tenant", async ({ expect }) => {
    const [one, other] = [await aFullTenant(), await aFullTenant()];
    for (const statement of [
      `insert into config_values (id, tenant_id, name, generation, resource_version, created_at, updated_at, spec, level, settings)
       values ('val_x', $1, 'x', 1, 1, now(), now(), '{}', 'tenant', '{}')`,
      `insert into idempotency_keys (tenant_id, key, request_digest) values ($1, 'x', 'x')`,
      `update config_values set tenant_id = $1`,
      `update instances set tenant_id = $1`,
    ]) {
      await expect(asTenant(one, (client) => client.query(statement, [other]))).rejects.toMatchObject({ code: "42501" });
    }
    for (const table of ["instances", "projects", "config_templates", "plans"]) {
      const deleted = await asTenant(one, (client) => client.query(`delete from ${table} where tenant_id = $1`, [other]));
      expect(deleted.rowCount).toBe(0);
    }
  });

  it("turns a repository's attempt to write another tenant's row into an internal error", async ({ expect }) => {
    const [one, other] = [await storeTenant(database.transactions), await storeTenant(database.transactions)];
    const stray = anInstance({ id: newId("ins"), tenantId: other.tenant.id, projectId: other.project.id });
    await expect(one.run((tx) => tx.instances.insert(stray))).rejects.toMatchObject({ code: "service.internal" });
    expect(await other.run((tx) => tx.instances.find(stray.id))).toBeUndefined();
  });

  it("refuses a project of another tenant though its id is known", async ({ expect }) => {
    const [one, other] = [await storeTenant(database.transactions), await storeTenant(database.transactions)];
    const stray = anInstance({ id: newId("ins"), tenantId: one.tenant.id, projectId: other.project.id });
    await expect(one.run((tx) => tx.instances.insert(stray))).rejects.toMatchObject({ code: "project.not_found" });
  });

  it("keeps tokens, the outbox and other tenants away from tenants' transactions", async ({ expect }) => {
    const one = await aFullTenant();
    for (const statement of [
      "select digest from api_tokens",
      "select from outbox",
      "insert into outbox (tenant_id) values ('x')",
      "delete from tenants",
      "update tenants set name = 'x'",
    ]) {
      await expect(asTenant(one, (client) => client.query(statement))).rejects.toMatchObject({ code: "42501" });
    }
  });

  it("lets nobody of the service change a record of the audit log, or take one out of it", async ({ expect }) => {
    const one = await aFullTenant();
    for (const statement of ["update audit_records set record = '{}'", "delete from audit_records", "update audit_chains set start = 9"]) {
      await expect(asTenant(one, (client) => client.query(statement))).rejects.toMatchObject({ code: "42501" });
    }
    const client = await database.pool.connect();
    try {
      await client.query("begin; set local role claw_platform");
      await expect(client.query("delete from audit_records")).rejects.toMatchObject({ code: "42501" });
      await client.query("rollback; begin; set local role claw_platform");
      await expect(client.query("update audit_records set record = '{}'")).rejects.toMatchObject({ code: "42501" });
    } finally {
      await client.query("rollback");
      client.release();
    }
  });

  it("keeps what tenants declare away from the platform's role", async ({ expect }) => {
    const client = await database.pool.connect();
    try {
      for (const statement of [
        "select spec from instances",
        "select * from config_values",
        "select spec from config_templates",
        "table plans",
      ]) {
        await client.query("begin; set local role claw_platform");
        await expect(client.query(statement)).rejects.toMatchObject({ code: "42501" });
        await client.query("rollback");
      }
    } finally {
      client.release();
    }
  });
});

describe("shared configuration", () => {
  it("is read by every tenant, hidden by a tenant's own, and written by its owner only", async ({ expect }) => {
    const shared = await storeTenant(database.transactions, { name: "default" });
    const other = await storeTenant(database.transactions);
    const now = new Date().toISOString();
    const template = aConfigTemplate({ tenantId: shared.tenant.id, name: "base" });
    const spec = { at: "global" as const, values: [{ key: "model.apiKey", value: "sealed", secret: true, locked: false }] };
    const global = someConfigValues({ tenantId: shared.tenant.id, spec });
    await shared.run(async (tx) => {
      await tx.templates.insert(template);
      const version = { templateId: template.id, version: 1, spec: template.spec, digest: "d", author: "a", message: "", createdAt: now };
      await tx.templates.insertVersion(version);
      await tx.values.insert(global);
    });
    await other.run(async (tx) => {
      expect(await tx.templates.get("base")).toMatchObject({ id: template.id, tenantId: shared.tenant.id });
      expect(await tx.templates.findVersion(template.id, 1)).toMatchObject({ version: 1 });
      expect((await tx.templates.list({ limit: 50 })).items.map((item) => item.name)).toEqual(["base"]);
      expect(await tx.values.listFor([other.project.id], [])).toEqual([global]);
      await expect(tx.templates.update({ ...template, resourceVersion: 2 }, 1)).rejects.toMatchObject({
        code: "resource.version_conflict",
      });
      await tx.templates.delete(template.id);
      expect(await tx.templates.find("base")).toBeDefined();
      await tx.values.remove(global.id, new Date().toISOString());
      expect(await tx.values.find(global.name)).toBeDefined();
    });
    const own = aConfigTemplate({ tenantId: other.tenant.id, name: "base" });
    await other.run((tx) => tx.templates.insert(own));
    await other.run(async (tx) => {
      expect((await tx.templates.get("base")).id).toBe(own.id);
      expect((await tx.templates.list({ limit: 50 })).items.map((item) => item.id)).toEqual([own.id]);
    });
  });

  it("can't be set globally by another tenant, whatever the statement", async ({ expect }) => {
    const { tenant, run } = await storeTenant(database.transactions);
    await run(async (tx) => {
      const global = someConfigValues({ tenantId: tenant.id, spec: { at: "global", values: [] } });
      await expect(tx.values.insert(global)).rejects.toMatchObject({ code: "42501" });
    }).catch(() => undefined);
    await run((tx) => tx.values.insert(someConfigValues({ tenantId: tenant.id })));
    await asTenant(tenant.id, async (client) => {
      await expect(client.query(`update config_values set level = 'global'`)).rejects.toMatchObject({ code: "42501" });
    });
  });

  it("can't be made shared by another tenant, whatever the statement", async ({ expect }) => {
    const { tenant, run } = await storeTenant(database.transactions);
    await run((tx) => tx.templates.insert(aConfigTemplate({ tenantId: tenant.id })));
    const escalation = `update config_templates set shared = true`;
    await expect(asTenant(tenant.id, (client) => client.query(escalation))).rejects.toMatchObject({ code: "42501" });
  });
});
