import { Client } from "pg";
import { afterAll, beforeAll, describe, it } from "vitest";
import { InstanceSpecSchema, newId, QUANTITY_MAX } from "../../../sdk/contract/index.ts";
import { type Instance, requestReconcile } from "../../../service/domain/instances/instance.ts";
import { aCluster } from "../../support/builders/cluster.ts";
import { anInstance } from "../../support/builders/instance.ts";
import { aConfigTemplate, aProject, storeTenant } from "../../support/builders/tenancy.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

async function aStore() {
  const stored = await storeTenant(database.transactions);
  const { tenant, project } = stored;
  const store = async (over: Parameters<typeof anInstance>[0] = {}): Promise<Instance> => {
    const instance = anInstance({ id: newId("ins"), tenantId: tenant.id, projectId: project.id, ...over });
    await stored.run((tx) => tx.instances.insert(instance));
    return instance;
  };
  return { ...stored, store };
}
const specOf = (spec: object) => InstanceSpecSchema.parse({ type: "Echo", ...spec });

describe("quantities from before they had a bound", () => {
  it("are read within it, so that they don't spoil the lists that they are in", async ({ expect }) => {
    const quota = { instances: 3, cpu: "9".repeat(400), memory: "4Gi" };
    const bounded = { ...quota, cpu: "1024Ti" };
    const { tenant, run } = await storeTenant(database.transactions, { spec: { quota, policies: [], admins: [] } });
    expect((await database.transactions.platform((tx) => tx.tenants.get(tenant.id))).spec.quota).toEqual(bounded);
    const project = aProject({ tenantId: tenant.id, name: "greedy", spec: { quota } });
    await run((tx) => tx.projects.insert(project));
    expect((await run((tx) => tx.projects.get("greedy"))).spec.quota).toEqual(bounded);
  });

  it("add up to numbers: no quota and no cluster is spoilt by them", async ({ expect }) => {
    const { tenant, store, run } = await aStore();
    await store({ name: "old", cluster: "crowded", spec: specOf({ replicas: 1000 }) });
    const client = new Client(database.url);
    await client.connect();
    await client
      .query(
        "update instances set cpu = 10::numeric ^ 400, memory_bytes = 10::numeric ^ 400, storage_bytes = 10::numeric ^ 400 where tenant_id = $1",
        [tenant.id],
      )
      .finally(() => client.end());
    const most = QUANTITY_MAX * 1000;
    expect(await run((tx) => tx.instances.usage())).toEqual({ instances: 1, cpu: most, memoryBytes: most, storageBytes: most });
    const allocated = await database.transactions.platform((tx) => tx.clusters.allocated());
    expect(allocated.get("crowded")).toEqual({ instances: 1, cpu: most, memoryBytes: most });
  });
});

describe("InstanceRepository", () => {
  it("gives back what it was given, to the letter", async ({ expect }) => {
    const { store, run } = await aStore();
    const instance = await store({
      labels: { team: "red", "a.io/b": "" },
      annotations: { note: "nul \u0000 lone \ud800 quote ' ünï" },
      spec: specOf({
        config: { template: "base", overrides: [{ key: "z", value: { z: 1, a: ["\u0000", 1e21, null] } }] },
        storage: { dataDir: "/data" },
        network: { port: 18_789 },
        version: "1.2.3",
      }),
      generation: 7,
      resourceVersion: 9,
      restartedAt: "2026-01-02T03:04:05.678Z",
      deletedAt: "2026-01-02T03:04:05.679Z",
      purgeData: true,
      status: {
        phase: "Failed",
        observedGeneration: 6,
        lastTransitionTime: "2026-01-02T03:04:05.680Z",
        conditions: [{ type: "Ready", status: "False", reason: "Why", message: "…", lastTransitionTime: "2026-01-02T03:04:05.680Z" }],
        agent: {
          phase: "BackOff",
          reason: "CrashLoop",
          message: "\u0000",
          specDigest: "d",
          restarts: 3,
          since: "2026-01-02T03:04:05.680Z",
        },
        configVersion: 4,
        attempts: 2,
        nextAttemptAt: "2026-01-02T03:04:05.681Z",
      },
    });
    const [byId, byName] = await run(async (tx) => [await tx.instances.get(instance.id), await tx.instances.get(instance.name)]);
    expect(byId).toEqual(instance);
    expect(byName).toEqual(instance);
    expect(JSON.stringify(byId?.spec)).toBe(JSON.stringify(instance.spec));
  });

  it("does not find what is not there", async ({ expect }) => {
    const { run } = await aStore();
    expect(await run((tx) => tx.instances.find("nobody"))).toBeUndefined();
    await expect(run((tx) => tx.instances.get("ins_x"))).rejects.toMatchObject({ code: "instance.not_found" });
  });

  it("writes an update whose base is still stored, and no other", async ({ expect }) => {
    const { store, run } = await aStore();
    const before = await store();
    const after = { ...before, labels: { a: "b" }, resourceVersion: 2, status: { ...before.status, phase: "Running" } as const };
    await run((tx) => tx.instances.update(after, 1));
    expect(await run((tx) => tx.instances.get(before.id))).toEqual({ ...after, status: before.status });
    await expect(run((tx) => tx.instances.update(after, 1))).rejects.toMatchObject({ code: "resource.version_conflict" });
  });

  it("deletes the generation that was carried out, and no newer one", async ({ expect }) => {
    const { store, run } = await aStore();
    const { id } = await store({ generation: 3 });
    expect(await run((tx) => tx.instances.delete(id, 2))).toBe(false);
    expect((await run((tx) => tx.instances.get(id))).generation).toBe(3);
    expect(await run((tx) => tx.instances.delete(id, 3))).toBe(true);
    expect(await run((tx) => tx.instances.find(id))).toBeUndefined();
  });

  it("writes status and nothing else", async ({ expect }) => {
    const { store, run } = await aStore();
    const before = await store();
    expect(await run((tx) => tx.instances.updateStatus(before.id, ({ status }) => ({ ...status, phase: "Running", attempts: 1 })))).toBe(
      true,
    );
    expect(await run((tx) => tx.instances.get(before.id))).toEqual({
      ...before,
      status: { ...before.status, phase: "Running", attempts: 1 },
    });
    const nul = { phase: "BackOff", message: "nul \u0000 lone \ud800", restarts: 0, since: "2026-01-02T03:04:05.680Z" } as const;
    const agent = { ...nul, reason: "CrashLoop", specDigest: "d" };
    await run((tx) => tx.instances.updateStatuses([before.id, "ins_gone"], ({ status }) => ({ ...status, agent })));
    expect((await run((tx) => tx.instances.get(before.id))).status.agent).toEqual(agent);
    expect(await run((tx) => tx.instances.updateStatus("ins_gone", ({ status }) => status))).toBe(false);
  });

  it("loses no status that two write at once", async ({ expect }) => {
    const { store, run } = await aStore();
    const { id } = await store();
    const count = () => run((tx) => tx.instances.updateStatus(id, ({ status }) => ({ ...status, attempts: status.attempts + 1 })));
    await Promise.all(Array.from({ length: 8 }, count));
    expect((await run((tx) => tx.instances.get(id))).status.attempts).toBe(8);
  });

  it("adds up what quotas count, exactly", async ({ expect }) => {
    const { tenant, project, store, run } = await aStore();
    const other = aProject({ tenantId: tenant.id, name: "other" });
    await run((tx) => tx.projects.insert(other));
    await store({ name: "a", spec: specOf({ replicas: 3, resources: { cpu: "100m", memory: "1Gi" }, storage: { size: "1G" } }) });
    await store({ name: "b", spec: specOf({ replicas: 0, resources: { cpu: "64" } }) });
    await store({
      name: "c",
      spec: specOf({ resources: { cpu: "700m", memory: "512Mi" }, storage: { size: "5Gi" } }),
      projectId: other.id,
    });
    await store({ name: "gone", deletedAt: "2026-01-01T00:00:00.000Z" });
    expect(await run((tx) => tx.instances.usage())).toEqual({
      instances: 3,
      cpu: 1,
      memoryBytes: 3.5 * 2 ** 30,
      storageBytes: 3e9 + 5 * 2 ** 30,
    });
    expect(await run((tx) => tx.instances.usage(other.id))).toMatchObject({ instances: 1, cpu: 0.7 });
    const counts = await run((tx) => tx.instances.countByProject());
    expect([...counts.values()].reduce((sum, count) => sum + count, 0)).toBe(4);
    expect(counts.get(project.id)).toBe(3);
  });

  it("lists what tells whether an operation is due on a cluster, by name", async ({ expect }) => {
    const { store, project, run } = await aStore();
    await store({ name: "b", cluster: "east" });
    const moving = await store({ name: "a", cluster: "west", movedFrom: "east", generation: 3 });
    await store({ name: "c", cluster: "west" });
    const { items: marks, nextCursor } = await run((tx) => tx.instances.listMarks({ cluster: "east" }, { limit: 2 }));
    expect(marks.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(nextCursor).toBeUndefined();
    expect((await run((tx) => tx.instances.listMarks("any", { limit: 5 }))).items.map(({ name }) => name)).toEqual(["a", "b", "c"]);
    const { id, generation, status } = moving;
    expect(marks[0]).toEqual({
      ...{
        id,
        name: "a",
        type: "Echo",
        template: undefined,
        projectName: project.name,
        generation,
        deletedAt: undefined,
        cluster: "west",
        movedFrom: "east",
      },
      status: { observedGeneration: status.observedGeneration },
    });
  });

  it("lists who uses a template or a cluster, in every tenant, a page at a time", async ({ expect }) => {
    const { tenant, store, run } = await aStore();
    const [template, cluster] = [`base-of-${tenant.name}`, `home-of-${tenant.name}`];
    for (const name of ["b", "a", "d"]) {
      await store({ name, cluster, spec: specOf({ config: { template } }) });
    }
    await store({ name: "c" });
    const { transactions } = database;
    for (const use of [{ template }, { cluster }]) {
      const first = await run((tx) => tx.instances.listUsing(use, { limit: 2 }));
      expect(first).toMatchObject({ items: [{ name: "a" }, { name: "b" }], nextCursor: "b" });
      expect((await run((tx) => tx.instances.listUsing(use, { limit: 2, cursor: "b" }))).items).toMatchObject([{ name: "d" }]);
    }
    const users = (cursor?: string) => transactions.platform((tx) => tx.clusters.users(cluster, { limit: 2, ...(cursor && { cursor }) }));
    const { items, nextCursor } = await users();
    expect(items).toMatchObject([{ instance: "a" }, { instance: "b" }]);
    expect((await users(nextCursor)).items).toMatchObject([{ tenant: tenant.name, instance: "d" }]);

    const other = await aStore();
    await other.store({ spec: specOf({ config: { template } }) });
    const names = [tenant.name, other.tenant.name].sort();
    const page = await transactions.platform((tx) => tx.tenants.listUsing({ template }, { limit: 1 }));
    expect(page).toEqual({ items: [names[0]], nextCursor: names[0] });
    const next = await transactions.platform((tx) => tx.tenants.listUsing({ template }, { limit: 1, cursor: names[0] ?? "" }));
    expect(next).toEqual({ items: [names[1]] });
  });
});

describe("due work", () => {
  const stacksDueOf = async (tenantId: string) => {
    const stacks = await database.transactions.platform((tx) => tx.work.listStacksDue(100));
    return stacks.filter(({ tenant }) => tenant.id === tenantId).map(({ cluster }) => cluster);
  };

  const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
  const anHourAgo = new Date(Date.now() - 3_600_000).toISOString();

  it("is what is ahead of the reconciler and not waiting, oldest first", async ({ expect }) => {
    const { tenant, store, run } = await aStore();
    await store({ name: "newer", generation: 2, updatedAt: "2026-01-02T00:00:00.000Z", status: { observedGeneration: 1 } });
    await store({ name: "older", generation: 2, updatedAt: "2026-01-01T00:00:00.000Z", status: { nextAttemptAt: anHourAgo } });
    await store({ name: "done", generation: 2, status: { observedGeneration: 2 } });
    await store({ name: "waits", generation: 2, status: { nextAttemptAt: inAnHour, attempts: 3 } });
    expect((await run((tx) => tx.instances.listDue("local", 10))).map(({ name }) => name)).toEqual(["older", "newer"]);
    expect((await run((tx) => tx.instances.listDue("local", 1))).map(({ name }) => name)).toEqual(["older"]);
    expect(await stacksDueOf(tenant.id)).toEqual(["local"]);
  });

  it("does not wait out the pause of a former generation", async ({ expect }) => {
    const { store, run } = await aStore();
    const failed = await store({ name: "failed", generation: 2, status: { nextAttemptAt: inAnHour, attempts: 3 } });
    await run((tx) => tx.instances.update({ ...failed, resourceVersion: 2 }, 1));
    expect(await run((tx) => tx.instances.listDue("local", 10))).toEqual([]);
    await run((tx) => tx.instances.update({ ...failed, generation: 3, resourceVersion: 3 }, 2));
    expect(await run((tx) => tx.instances.listDue("local", 10))).toMatchObject([{ name: "failed", status: { attempts: 0 } }]);
  });

  it("asks for a reconcile of many, and of a changed one, as the domain says that it is asked for", async ({ expect }) => {
    const { store, run } = await aStore();
    const waiting = { generation: 2, status: { nextAttemptAt: inAnHour, attempts: 3 } };
    const [one, other] = [await store({ name: "one", ...waiting }), await store({ name: "other", ...waiting })];
    await run((tx) => tx.instances.requestReconcile([one.id]));
    expect(await run((tx) => tx.instances.get(one.id))).toEqual(requestReconcile(one));
    const changed = { ...requestReconcile(other), resourceVersion: 2 };
    await run((tx) => tx.instances.update(changed, 1));
    expect(await run((tx) => tx.instances.get(other.id))).toEqual(changed);
  });

  it("knows whose an instance is", async ({ expect }) => {
    const { tenant, store } = await aStore();
    const { id } = await store();
    expect(await database.transactions.platform((tx) => tx.work.findTenantOf(id))).toBe(tenant.id);
    expect(await database.transactions.platform((tx) => tx.work.findTenantOf("ins_gone"))).toBeUndefined();
  });

  it("tells of every write by a version, of status too", async ({ expect }) => {
    const { tenant, store, run } = await aStore();
    const versions = async (...keys: string[]) => {
      const all = await database.transactions.platform((tx) => tx.work.findVersions(keys));
      return keys.map((key) => all.get(key));
    };
    const [instanceKey, templateKey, tenantKey] = [
      `ClawInstance/${tenant.name}/web`,
      `ConfigTemplate/${tenant.name}/base`,
      `Tenant//${tenant.name}`,
    ];
    expect(await versions(instanceKey, templateKey)).toEqual([undefined, undefined]);
    const [empty] = await versions(tenantKey);
    const instance = await store({ name: "web" });
    const template = aConfigTemplate({ tenantId: tenant.id, name: "base" });
    await run((tx) => tx.templates.insert(template));
    const made = await versions(instanceKey, templateKey, tenantKey);
    // Of a tenant's status, the number of its instances.
    expect(made[2]).not.toBe(empty);
    expect(await versions(instanceKey, templateKey, tenantKey)).toEqual(made);
    await run((tx) => tx.instances.updateStatus(instance.id, ({ status }) => ({ ...status, phase: "Running" })));
    await run((tx) => tx.templates.update({ ...template, resourceVersion: 2 }, 1));
    const written = await versions(instanceKey, templateKey, tenantKey);
    expect(written[0]).not.toBe(made[0]);
    expect(written[1]).not.toBe(made[1]);
    expect(written[2]).toBe(made[2]);
    await run((tx) => tx.instances.delete(instance.id, instance.generation));
    expect(await versions(instanceKey)).toEqual([undefined]);
  });

  it("names no tenant that has none", async ({ expect }) => {
    const { tenant, store } = await aStore();
    await store({ generation: 1, status: { observedGeneration: 1 } });
    expect(await stacksDueOf(tenant.id)).toEqual([]);
  });

  it("of an instance that moves is first where it leaves", async ({ expect }) => {
    const { tenant, store, run } = await aStore();
    const { id } = await store({ generation: 2, cluster: "new", movedFrom: "old", status: { observedGeneration: 1 } });
    expect(await stacksDueOf(tenant.id)).toEqual(["old"]);
    expect(await run((tx) => tx.instances.listDue("old", 10))).toMatchObject([{ id }]);
    await run((tx) => tx.instances.markMoved(id));
    expect(await stacksDueOf(tenant.id)).toEqual(["new"]);
    expect(await run((tx) => tx.instances.listDue("old", 10))).toEqual([]);
  });

  it("waits while its cluster can't be reached, and only that of this cluster", async ({ expect }) => {
    const { tenant, store } = await aStore();
    const down = aCluster();
    await database.transactions.platform((tx) => tx.clusters.insert(down));
    await store({ name: "far", cluster: down.name });
    await store({ name: "near" });
    const reach = (reachable: boolean) =>
      database.transactions.platform((tx) => tx.clusters.updateState(down.name, ({ state }) => ({ ...state, reachable })));
    await reach(false);
    expect(await stacksDueOf(tenant.id)).toEqual(["local"]);
    await reach(true);
    expect((await stacksDueOf(tenant.id)).toSorted()).toEqual([down.name, "local"].toSorted());
  });
});

describe("instance events", () => {
  it("are listed newest first, by pages, and outlive the instance", async ({ expect }) => {
    const { store, run } = await aStore();
    const { id } = await store();
    const event = { time: "2026-01-01T00:00:00.000Z", type: "Normal", reason: "Test" } as const;
    for (let index = 0; index < 5; index++) {
      await run((tx) =>
        tx.events.append(id, { id: `evt_${index}`, ...event, message: `${index}\u0000`, ...(index === 0 && { actor: "me" }) }),
      );
    }
    await run((tx) => tx.instances.delete(id, 1));
    const first = await run((tx) => tx.events.list(id, 3));
    await run((tx) => tx.events.append(id, { id: "evt_new", ...event, message: "new" }));
    const second = await run((tx) => tx.events.list(id, 3, first.nextCursor));
    expect([...first.items, ...second.items].map((item) => item.id)).toEqual(["evt_4", "evt_3", "evt_2", "evt_1", "evt_0"]);
    expect(second.nextCursor).toBeUndefined();
    expect(second.items.at(-1)).toEqual({ id: "evt_0", ...event, message: "0\uFFFD", actor: "me" });
    await expect(run((tx) => tx.events.list(id, 3, "%%%"))).rejects.toMatchObject({ code: "request.invalid" });
  });
});
