import { pino } from "pino";
import { afterAll, beforeAll, describe, it } from "vitest";
import { newId } from "../../../sdk/contract/index.ts";
import { recordInspection } from "../../../service/application/clusters/report-cluster.ts";
import type { ClusterListener, DeclaredResource, Deviation } from "../../../service/application/ports/clusters/clusters.ts";
import { SHARED_TENANT } from "../../../service/domain/tenancy/tenant.ts";
import { createClusterWatcher } from "../../../service/workers/cluster-watcher.ts";
import type { DriftWatcherDependencies } from "../../../service/workers/drift-watcher.ts";
import { aCluster } from "../../support/builders/cluster.ts";
import { anInstance } from "../../support/builders/instance.ts";
import { storeTenant } from "../../support/builders/tenancy.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { eventually } from "../../support/service.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database?.drop());

const ready = { name: "web-0", ready: true, restarts: 0, reason: "Ready", message: "" };

/** A watched cluster with one settled instance: `listener` tells what the cluster would; its objects are compared by `compare`. */
async function aWatchedInstance(compare: () => Promise<Deviation | undefined> = async () => undefined) {
  const { transactions } = database;
  const { tenant, project, run } = await storeTenant(transactions);
  const cluster = aCluster({ state: { reachable: true } });
  const id = newId("ins");
  const status = { phase: "Running", observedGeneration: 1, pod: ready } as const;
  await transactions.platform((tx) => tx.clusters.insert(cluster));
  const instance = anInstance({ id, name: "web", tenantId: tenant.id, projectId: project.id, cluster: cluster.name, status });
  await run((tx) => tx.instances.insert(instance));
  const told: { listener?: ClusterListener } = {};
  let failures = 0;
  const object = { kind: "Service", namespace: "ns", name: "web", tenant: tenant.name, uid: id, suspicious: true };
  const resource: DeclaredResource = { urn: "urn:web", type: "kubernetes:core/v1:Service", id: "ns/web", inputs: {} };
  const watcher = createClusterWatcher({
    transactions,
    clock: () => new Date(),
    log: pino({ level: "warn" }, { write: () => void failures++ }),
    declared: async () => [resource],
    runtimes: {
      at: () => ({
        connect: () => ({
          observe: (listener: ClusterListener) => {
            told.listener = listener;
            return { stop: () => {} };
          },
          compare: async () => ({ resource, deviation: await compare() }),
        }),
      }),
    },
  } as unknown as DriftWatcherDependencies);
  watcher.keep([cluster]);
  const { listener } = told;
  if (!listener) {
    throw new Error("a reachable cluster is watched at once");
  }
  return { id, run, object, listener, watcher, get: () => run((tx) => tx.instances.get(id)), failures: () => failures };
}

describe("what asking a cluster came to", () => {
  it("is not written over what is known of its new address or credentials", async ({ expect }) => {
    const { transactions } = database;
    await storeTenant(transactions, { name: SHARED_TENANT });
    const asked = aCluster();
    const rotated = { ...asked, generation: 2, resourceVersion: 2 };
    await transactions.platform((tx) => tx.clusters.insert(asked));
    await transactions.platform((tx) => tx.clusters.update(rotated, 1));
    const now = new Date().toISOString();
    const allocatable = { instances: 1, cpu: 1, memoryBytes: 1 };
    expect(await recordInspection(rotated, { ok: true, version: "v1", nodes: 1, allocatable }, now, database)).toBe(true);
    expect(await recordInspection(asked, { ok: false, reason: "Timeout", message: "" }, now, database)).toBe(false);
    expect((await transactions.platform((tx) => tx.clusters.get(asked.id))).state.reachable).toBe(true);
  });
});

describe("what a cluster tells", () => {
  it("is written once the database is back, when it was away at that moment", async ({ expect }) => {
    const { id, listener, watcher, get, failures } = await aWatchedInstance();
    await database.pool.query("alter table instances rename to away");
    listener.pod(id, { ...ready, ready: false, reason: "CrashLoopBackOff" });
    listener.listed(new Set([id]));
    await eventually(
      async () => failures(),
      (count) => count >= 2,
    );
    await database.pool.query("alter table away rename to instances");
    await eventually(get, ({ status }) => status.pod?.reason === "CrashLoopBackOff");
    await watcher.stop();
    expect((await get()).status.pod?.name).toBe("web-0");
  });

  it("of a pod after a list without it stands, and without a word the pod is gone", async ({ expect }) => {
    const { id, listener, watcher, get } = await aWatchedInstance();
    listener.listed(new Set());
    await eventually(get, ({ status }) => status.pod === undefined);
    listener.pod(id, ready);
    await eventually(get, ({ status }) => status.pod !== undefined);
    listener.listed(new Set());
    listener.pod(id, ready);
    await watcher.stop();
    expect((await get()).status.pod).toEqual(ready);
  });

  it("of an object is no drift when an operation went on while it was compared", async ({ expect }) => {
    const generations = [2, 3];
    let isCompared = false;
    const { id, run, object, listener, watcher, get } = await aWatchedInstance(async () => {
      const generation = generations.shift();
      if (generation === undefined) {
        isCompared = true;
        return undefined;
      }
      // What was declared when the comparison began is no more.
      const { resourceVersion, ...instance } = await get();
      await run((tx) => tx.instances.update({ ...instance, generation, resourceVersion: resourceVersion + 1 }, resourceVersion));
      await run((tx) => tx.instances.updateStatus(instance.id, ({ status }) => ({ ...status, observedGeneration: generation })));
      return { op: "deleted", diffs: [] };
    });
    listener.object(object);
    await eventually(async () => isCompared, Boolean);
    await watcher.stop();
    expect((await get()).status.drift).toEqual([]);
    const events = await database.pool.query("select reason from instance_events where instance_id = $1", [id]);
    expect(events.rows).toEqual([]);
  });
});
