import { afterAll, beforeAll, describe, it } from "vitest";
import { PostgresStackStore } from "../../../adapters/postgres/stack-store.ts";
import { ClawError, type InstanceId, newId, type TenantId } from "../../../sdk/contract/index.ts";
import type { TenantTransaction } from "../../../service/application/ports/transactions.ts";
import { anInstance } from "../../support/builders/instance.ts";
import { aConfigTemplate, aProject, aTenant, someConfigValues, storeTenant, uniqueName } from "../../support/builders/tenancy.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const anEvent = () =>
  ({ id: newId("evt"), event: "cluster.reachable", time: new Date().toISOString(), data: { uid: "cls_1", name: "east" } }) as const;
const outboxSize = async () => Number((await database.pool.query<{ count: string }>(`select count(*) from outbox`)).rows[0]?.count);

describe("Transactions", () => {
  it("leaves nothing behind after a dry run, and answers what it found", async ({ expect }) => {
    const tenant = aTenant();
    const before = await outboxSize();
    const seen = await database.transactions.dryRun(async (tx) => {
      await tx.tenants.insert(tenant);
      const scope = await tx.enter(tenant.id);
      const project = aProject({ tenantId: tenant.id });
      await scope.projects.insert(project);
      await scope.instances.insert(anInstance({ id: newId("ins"), tenantId: tenant.id, projectId: project.id, name: "dry" }));
      await scope.publish(anEvent());
      return (await scope.instances.get("dry")).projectName;
    });
    expect(seen).toBe("default");
    expect(await database.transactions.platform((tx) => tx.tenants.find(tenant.id))).toBeUndefined();
    expect(await outboxSize()).toBe(before);
  });

  it("leaves nothing behind when the work throws, and throws the same", async ({ expect }) => {
    const tenant = aTenant();
    const failure = new Error("no");
    const run = database.transactions.platform(async (tx) => {
      await tx.tenants.insert(tenant);
      await (await tx.enter(tenant.id)).publish(anEvent());
      throw failure;
    });
    await expect(run).rejects.toBe(failure);
    expect(await database.transactions.platform((tx) => tx.tenants.find(tenant.id))).toBeUndefined();
  });

  it("goes on after a name that is taken", async ({ expect }) => {
    const { tenant, project, run } = await storeTenant(database.transactions);
    const names = await run(async (tx) => {
      const instance = anInstance({ id: newId("ins"), tenantId: tenant.id, projectId: project.id, name: "one" });
      await tx.instances.insert(instance);
      await expect(tx.instances.insert({ ...instance, id: newId("ins") })).rejects.toMatchObject({ code: "instance.name_taken" });
      await expect(tx.projects.insert(aProject({ tenantId: tenant.id }))).rejects.toMatchObject({ code: "project.name_taken" });
      const template = aConfigTemplate({ tenantId: tenant.id });
      await tx.templates.insert(template);
      await expect(tx.templates.insert({ ...template, id: newId("cfg") })).rejects.toMatchObject({ code: "config.name_taken" });
      await tx.instances.insert({ ...instance, id: newId("ins"), name: "two" });
      return (await tx.instances.list({ limit: 50 })).items.map(({ name }) => name);
    });
    expect(names).toEqual(["one", "two"]);
    const again = database.transactions.platform((tx) => tx.tenants.insert(aTenant({ name: tenant.name })));
    await expect(again).rejects.toMatchObject({ code: "tenant.name_taken" });
  });

  it("keeps two tenants apart though their repositories are used in turn, and at once", async ({ expect }) => {
    const [one, other] = [await storeTenant(database.transactions), await storeTenant(database.transactions)];
    await database.transactions.platform(async (tx) => {
      const [ofOne, ofOther] = [await tx.enter(one.tenant.id), await tx.enter(other.tenant.id)];
      expect((await ofOne.projects.get("default")).id).toBe(one.project.id);
      expect((await ofOther.projects.get("default")).id).toBe(other.project.id);
      expect((await tx.tenants.get(one.tenant.name)).id).toBe(one.tenant.id);
      const seen = await Promise.all(
        Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? ofOne : ofOther).projects.get("default").then(({ id }) => id)),
      );
      expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? one : other).project.id));
      expect(await ofOne.projects.find(other.project.id)).toBeUndefined();
    });
  });

  it("knows a tenant that it has read, as it was written since", async ({ expect }) => {
    const { tenant } = await storeTenant(database.transactions);
    await database.transactions.platform(async (tx) => {
      expect(await tx.tenants.get(tenant.name)).toEqual(tenant);
      const next = { ...tenant, spec: { ...tenant.spec, displayName: "Acme" }, resourceVersion: tenant.resourceVersion + 1 };
      await tx.tenants.update(next, tenant.resourceVersion);
      expect((await tx.tenants.get(tenant.id)).spec.displayName).toBe("Acme");
      await tx.tenants.delete(tenant.id);
      expect(await tx.tenants.find(tenant.name)).toBeUndefined();
    });
  });

  it("does not claim success after a failed statement that the work has caught", async ({ expect }) => {
    const [one, other] = [await storeTenant(database.transactions), await storeTenant(database.transactions)];
    const caught = one.run(async (tx) => {
      await tx.projects.insert(aProject({ tenantId: one.tenant.id, name: "before" }));
      await tx.projects.insert(aProject({ tenantId: other.tenant.id, name: "stray" })).catch(() => undefined);
    });
    await expect(caught).rejects.toMatchObject({ code: "service.internal" });
    expect(await one.run((tx) => tx.projects.find("before"))).toBeUndefined();
  });

  it("takes a value that can't be stored for the caller's fault, not ours", async ({ expect }) => {
    const { run } = await storeTenant(database.transactions);
    const refused = { code: "request.invalid", status: 422 };
    await expect(run((tx) => tx.instances.find("nul \0"))).rejects.toMatchObject(refused);
    await expect(run((tx) => tx.plans.markApplied("pln_1", "then"))).rejects.toMatchObject(refused);
  });

  it("has no repositories after its end", async ({ expect }) => {
    const { run } = await storeTenant(database.transactions);
    const tx = await run(async (transaction) => transaction);
    await expect(tx.instances.usage()).rejects.toThrow("after its transaction");
  });

  it("runs a deadlock's loser again", async ({ expect }) => {
    const [one, other] = [await storeTenant(database.transactions), await storeTenant(database.transactions)];
    let runs = 0;
    const { promise: bothHaveOne, resolve: haveOne } = Promise.withResolvers<void>();
    const lockBoth = (first: TenantId, second: TenantId) =>
      database.transactions.platform(async (tx) => {
        await tx.tenants.lock(first);
        if (++runs === 2) {
          haveOne();
        }
        await bothHaveOne;
        await tx.tenants.lock(second);
      });
    await Promise.all([lockBoth(one.tenant.id, other.tenant.id), lockBoth(other.tenant.id, one.tenant.id)]);
    expect(runs).toBe(3);
  });

  it("says that the database is away, and goes on when it is back", async ({ expect }) => {
    const running = database.transactions.platform(async (tx) => {
      await tx.tenants.list({ limit: 1 });
      await database.pool.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
      );
      return tx.tenants.list({ limit: 1 });
    });
    await expect(running).rejects.toMatchObject({ code: "service.unavailable", retryable: true });
    // Connections that nobody used meanwhile may still be on their way down.
    const listed = () => database.transactions.platform((tx) => tx.tenants.list({ limit: 1 }));
    await expect.poll(async () => (await listed()).items.length, { timeout: 30_000 }).toBe(1);
  });

  it("lets exactly one of two take the last place of a quota", async ({ expect }) => {
    for (let round = 0; round < 5; round++) {
      const { tenant, project, run } = await storeTenant(database.transactions);
      const takePlace = () =>
        run(async (tx) => {
          const instance = { id: newId("ins"), tenantId: tenant.id, projectId: project.id, name: uniqueName("claw") };
          await tx.instances.insert(anInstance(instance));
          await tx.tenants.lock(tenant.id);
          if ((await tx.instances.usage()).instances > 1) {
            throw new ClawError("tenant.quota_exceeded", "full");
          }
        });
      const outcomes = await Promise.allSettled([takePlace(), takePlace(), takePlace()]);
      expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      expect((await run((tx) => tx.instances.usage())).instances).toBe(1);
    }
  });
});

describe("idempotency keys", () => {
  it("give the second request the first one's answer, even when both come at once", async ({ expect }) => {
    const { run } = await storeTenant(database.transactions);
    let made = 0;
    const request = (digest = "digest") =>
      run(async (tx) => {
        const stored = await tx.idempotency.claim("key", digest);
        if (stored) {
          return stored;
        }
        made++;
        const answer = { status: 202, body: { made }, warnings: ["careful"] };
        await tx.idempotency.complete("key", answer);
        return answer;
      });
    expect(await Promise.all([request(), request(), request()])).toEqual(
      Array(3).fill({ status: 202, body: { made: 1 }, warnings: ["careful"] }),
    );
    await expect(request("other")).rejects.toMatchObject({ code: "request.idempotency_mismatch" });
  });

  it("are free again when the request failed", async ({ expect }) => {
    const { run } = await storeTenant(database.transactions);
    const failed = run(async (tx) => {
      await tx.idempotency.claim("key", "digest");
      throw new Error("no");
    });
    await expect(failed).rejects.toThrow("no");
    expect(await run((tx) => tx.idempotency.claim("key", "another"))).toBeUndefined();
    await run((tx) => tx.idempotency.release("key"));
    expect(await run((tx) => tx.idempotency.claim("key", "a third"))).toBeUndefined();
  });

  it("make a repetition wait for the first request, but not for one whose replica died", async ({ expect }) => {
    const { tenant, run } = await storeTenant(database.transactions);
    await run((tx) => tx.idempotency.claim("key", "digest"));
    await expect(run((tx) => tx.idempotency.claim("key", "digest"))).rejects.toMatchObject({
      code: "request.in_progress",
      retryable: true,
    });
    await database.pool.query(`update idempotency_keys set created_at = now() - interval '2 minutes' where tenant_id = $1`, [tenant.id]);
    expect(await run((tx) => tx.idempotency.claim("key", "digest"))).toBeUndefined();
    await expect(run((tx) => tx.idempotency.claim("key", "digest"))).rejects.toMatchObject({ code: "request.in_progress" });
  });

  it("are forgotten after a day, and may be used for another request then", async ({ expect }) => {
    const { tenant, run } = await storeTenant(database.transactions);
    for (const key of ["key", "other"]) {
      await run((tx) => tx.idempotency.claim(key, "digest"));
      await run((tx) => tx.idempotency.complete(key, { status: 200, body: 1, warnings: [] }));
    }
    await database.pool.query(`update idempotency_keys set created_at = now() - interval '25 hours' where tenant_id = $1`, [tenant.id]);
    expect(await run((tx) => tx.idempotency.claim("key", "another"))).toBeUndefined();
    const { rows } = await database.pool.query(`select key, request_digest from idempotency_keys where tenant_id = $1`, [tenant.id]);
    expect(rows).toEqual([{ key: "key", request_digest: "another" }]);
  });

  it("are each tenant's own, and the platform's", async ({ expect }) => {
    const [one, other] = [await storeTenant(database.transactions), await storeTenant(database.transactions)];
    await one.run((tx) => tx.idempotency.complete("shared", { status: 200, body: 1, warnings: [] }));
    expect(await one.run((tx) => tx.idempotency.claim("shared", "a"))).toBeUndefined();
    expect(await other.run((tx) => tx.idempotency.claim("shared", "b"))).toBeUndefined();
    expect(await database.transactions.platform((tx) => tx.idempotency.claim("shared", "c"))).toBeUndefined();
    await database.transactions.platform((tx) => tx.idempotency.complete("shared", { status: 201, body: { name: "x" }, warnings: [] }));
    const answer = await database.transactions.platform((tx) => tx.idempotency.claim("shared", "c"));
    expect(answer).toEqual({ status: 201, body: { name: "x" }, warnings: [] });
  });
});

describe("deletions", () => {
  const withInstance = async () => {
    const stored = await storeTenant(database.transactions);
    const id: InstanceId = newId("ins");
    const { tenant, project } = stored;
    const template = aConfigTemplate({ tenantId: tenant.id, name: "base" });
    const spec = { ...anInstance().spec, config: { template: "base", overrides: [] } };
    await stored.run(async (tx: TenantTransaction) => {
      await tx.templates.insert(template);
      await tx.instances.insert(anInstance({ id, tenantId: tenant.id, projectId: project.id, name: "web", spec }));
      const ofInstance = { at: { instance: "web" }, values: [] };
      await tx.values.insert(someConfigValues({ tenantId: tenant.id, projectId: project.id, instanceId: id, spec: ofInstance }));
    });
    return { ...stored, id, template };
  };

  it("are refused by name while instances are there, and the transaction goes on", async ({ expect }) => {
    const { tenant, project, template, run } = await withInstance();
    await database.transactions.platform(async (tx) => {
      const refusal = { code: "tenant.not_empty", message: expect.stringContaining("web") };
      await expect(tx.tenants.delete(tenant.id)).rejects.toMatchObject(refusal);
      expect(await tx.tenants.get(tenant.id)).toEqual(tenant);
    });
    await run(async (tx) => {
      await expect(tx.projects.delete(project.id)).rejects.toMatchObject({ code: "project.not_empty" });
      await expect(tx.templates.delete(template.id)).rejects.toMatchObject({ code: "config.in_use" });
      expect(await tx.templates.get("base")).toEqual(template);
    });
  });

  it("of a tenant take its stacks along, but wait for an operation on one", async ({ expect }) => {
    const { tenant } = await storeTenant(database.transactions);
    const stacks = new PostgresStackStore(database.pool, tenant.id);
    const ref = { project: "clusterclaw", stack: tenant.name };
    await stacks.createStack(ref);
    const lease = await stacks.acquireLease(ref, "worker-1", 30);
    const remove = () => database.transactions.platform((tx) => tx.tenants.delete(tenant.id));
    await expect(remove()).rejects.toMatchObject({ code: "stack.locked" });
    expect(await stacks.findStack(ref)).toBeDefined();
    await stacks.releaseLease(lease);
    await remove();
    expect((await database.pool.query(`select from engine_stacks where tenant_id = $1`, [tenant.id])).rowCount).toBe(0);
  });

  it("of a tenant take the state along that the Pulumi CLI kept of it, unless they are undone", async ({ expect }) => {
    const { tenant } = await storeTenant(database.transactions);
    const table = `claw_cli.pulumi_state_${tenant.id.toLowerCase()}`;
    await database.pool.query(`create table ${table} (key text primary key, data jsonb); alter table ${table} owner to claw_cli`);
    const exists = async () => (await database.pool.query(`select to_regclass($1) as found`, [table])).rows[0].found !== null;
    const undone = new Error("undone");
    const preview = database.transactions.platform(async (tx) => {
      await tx.tenants.delete(tenant.id);
      expect(await tx.tenants.find(tenant.id)).toBeUndefined();
      throw undone;
    });
    await expect(preview).rejects.toBe(undone);
    expect(await exists()).toBe(true);
    await database.transactions.platform((tx) => tx.tenants.delete(tenant.id));
    expect(await exists()).toBe(false);
  });

  it("take everything along once the instances are gone", async ({ expect }) => {
    const { tenant, template, id, run } = await withInstance();
    await run(async (tx) => {
      await tx.instances.delete(id, 1);
      await tx.templates.delete(template.id);
    });
    await database.transactions.platform(async (tx) => tx.tenants.delete(tenant.id));
    const left = await database.pool.query(
      `select from projects where tenant_id = $1 union all select from config_values where tenant_id = $1`,
      [tenant.id],
    );
    expect(left.rowCount).toBe(0);
    await expect(run((tx) => tx.projects.insert(aProject({ tenantId: tenant.id })))).rejects.toMatchObject({ code: "tenant.not_found" });
  });
});
