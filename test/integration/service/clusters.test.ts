import { createHash } from "node:crypto";
import { Client } from "pg";
import { afterAll, beforeAll, describe, it } from "vitest";
import { aClusterManifest, aKubeconfig } from "../../support/builders/cluster.ts";
import { anEcho, aTenant } from "../../support/builders/manifests.ts";
import { answer, startServer } from "../../support/http-server.ts";
import { useCluster } from "../../support/kubernetes/use-cluster.ts";
import { eventually, startTestService, type TestService } from "../../support/service.ts";

let service: TestService;
let answering: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  const allocatable = { pods: "110", cpu: "63900m", memory: "268435456Ki" };
  const node = { spec: {}, status: { allocatable, conditions: [{ type: "Ready", status: "True" }] } };
  answering = await startServer((_, response) => answer(response, 200, { gitVersion: "v1.37.0", items: [node] }));
  // Operations on clusters that only answer the simplest questions take a while: others must not wait for them.
  service = await startTestService({ CLAW_WORKERS: "3" });
  await service.claw().tenants.create(aTenant("acme"));
});
afterAll(async () => {
  await service.stop();
  await answering[Symbol.asyncDispose]();
});
const refusal = (call: Promise<unknown>) => call.catch((error: unknown) => error) as Promise<{ code: string; message: string }>;

async function inDatabase<T>(work: (database: Client) => Promise<T>): Promise<T> {
  const database = new Client(service.databaseUrl);
  await database.connect();
  try {
    return await work(database);
  } finally {
    await database.end();
  }
}

/** A cluster that tells its version and its one node: for what needs no more of it. */
const anAnswering = (name: string, spec: object = {}, metadata: object = {}) =>
  aClusterManifest(name, { credentials: { source: "kubeconfig", kubeconfig: aKubeconfig(answering.url) }, ...spec }, metadata);

describe("a cluster", () => {
  it("keeps its kubeconfig to itself: encrypted at rest, masked in answers, previews and events", async ({ expect }) => {
    const claw = service.claw();
    const preview = await claw.previews.create({ manifests: [aClusterManifest("secretive")] });
    expect(preview.items).toMatchObject([{ kind: "Cluster", op: "create" }]);
    await claw.previews.apply(preview.planId ?? "");
    const cluster = await claw.clusters.get("secretive");
    expect(cluster.spec.credentials).toEqual({ source: "kubeconfig", kubeconfig: "[secret]" });
    expect(JSON.stringify([preview, cluster])).not.toContain("hunter2");
    await inDatabase(async (database) => {
      for (const table of ["clusters", "plans", "outbox", "idempotency_keys"]) {
        const { rows } = await database.query<{ text: string }>(`select row_to_json(t)::text as text from ${table} t`);
        expect(rows.map(({ text }) => text).join("\n")).not.toContain("hunter2");
      }
    });
  });

  it("is refused a kubeconfig that is none, with the place of the mistake and nothing of what stands there", async ({ expect }) => {
    const kubeconfig = "clusters: []\nusers:\n  - token: hunter2\n bad";
    const refused = await refusal(
      service.claw().clusters.create(aClusterManifest("mistyped", { credentials: { source: "kubeconfig", kubeconfig } })),
    );
    expect(refused).toMatchObject({ code: "request.invalid", message: expect.stringMatching(/^is not YAML: .* at line \d+, column \d+$/) });
    expect(JSON.stringify(refused)).not.toContain("hunter2");
  });

  it("rotates its credentials by a PUT, and the mask keeps the stored ones", async ({ expect }) => {
    const claw = service.claw();
    const created = await claw.clusters.create(aClusterManifest("rotating"));
    const same = await claw.clusters.replace("rotating", { ...aClusterManifest("rotating"), spec: created.spec });
    expect(same.metadata).toMatchObject({ generation: 1, resourceVersion: created.metadata.resourceVersion });
    const credentials = { source: "kubeconfig", kubeconfig: aKubeconfig("https://127.0.0.1:1", "another-token-entirely") } as const;
    const rotated = await claw.clusters.replace("rotating", { ...aClusterManifest("rotating"), spec: { ...created.spec, credentials } });
    expect(rotated.metadata.generation).toBe(2);
  });

  it("that does not answer says why, and keeps only its own instances waiting", async ({ expect }) => {
    const claw = service.claw();
    await claw.clusters.create(aClusterManifest("down"));
    const down = await eventually(
      () => claw.clusters.get("down"),
      ({ status }) => status.phase === "Unreachable",
    );
    expect(down.status.conditions).toMatchObject([{ type: "Reachable", status: "False", reason: "ConnectionRefused" }]);
    const acme = service.claw("acme");
    await acme.instances.create(anEcho("far", { placement: { cluster: "down" } }));
    await acme.instances.create(anEcho("near"));
    const near = await eventually(
      () => acme.instances.get("near"),
      ({ status }) => status.phase === "Running",
    );
    expect(near.status.cluster).toBe("local");
    const far = await acme.instances.get("far");
    expect(far.status).toMatchObject({ cluster: "down", phase: "Creating", observedGeneration: 0 });
    expect(far.status.conditions).toMatchObject([{ type: "ClusterReachable", status: "False", reason: "ConnectionRefused" }]);
    const preview = await acme.previews.create({
      manifests: [anEcho("far", { placement: { cluster: "down" }, resources: { cpu: "200m" } })],
    });
    expect(preview.items[0]?.problems).toMatchObject([{ path: "status.cluster", blocking: false }]);
    expect(preview.planId).toBeDefined();
    const quota = await claw.tenants.setQuota("acme", { instances: 50 }, { preview: true });
    expect(quota).toMatchObject({ items: [{ problems: [{ path: "spec.quota", blocking: false }] }], boundaries: [] });
  });

  it("that says it has more than there is offers what a number may be", async ({ expect }) => {
    const allocatable = { pods: "9".repeat(400), cpu: "9".repeat(400), memory: "9".repeat(400) };
    const node = { spec: {}, status: { allocatable, conditions: [{ type: "Ready", status: "True" }] } };
    await using boasting = await startServer((_, response) => answer(response, 200, { gitVersion: "v1.37.0", items: [node, node] }));
    const credentials = { source: "kubeconfig", kubeconfig: aKubeconfig(boasting.url) };
    const claw = service.claw();
    await claw.clusters.create(aClusterManifest("boasting", { credentials }));
    const { status } = await eventually(
      () => claw.clusters.get("boasting"),
      (cluster) => cluster.status.phase === "Ready",
    );
    expect(status.capacity).toEqual({ instances: 2 ** 51, cpu: String(2 ** 51), memory: `${2 ** 21}Gi` });
    await claw.clusters.delete("boasting");
  });

  it("in use can't be deleted, and the refusal names who is on it", async ({ expect }) => {
    const claw = service.claw();
    await claw.clusters.create(aClusterManifest("busy"));
    // Before that is known, an operation may be tried there, and then the instance would have to leave it.
    await eventually(
      () => claw.clusters.get("busy"),
      ({ status }) => status.phase === "Unreachable",
    );
    await service.claw("acme").instances.create(anEcho("user", { placement: { cluster: "busy" } }));
    expect(await refusal(claw.clusters.delete("busy"))).toMatchObject({ code: "cluster.in_use", message: /acme\/user/ });
    await service.claw("acme").instances.replace("user", anEcho("user", { placement: { cluster: "local" } }));
    await claw.clusters.delete("busy");
    expect(await refusal(claw.clusters.get("busy"))).toMatchObject({ code: "cluster.not_found" });
  });

  it("is no business of a tenant's", async ({ expect }) => {
    const token = "a-token-of-the-tenant-acme";
    const { uid } = (await service.claw().tenants.get("acme")).metadata;
    await inDatabase((database) =>
      database.query(`insert into api_tokens (digest, subject, tenant_id, platform) values ($1, 'acme', $2, false)`, [
        createHash("sha256").update(token).digest("hex"),
        uid,
      ]),
    );
    const acme = service.claw().withOptions({ token });
    for (const call of [
      () => acme.clusters.list().then(() => undefined),
      () => acme.clusters.create(aClusterManifest("theirs")),
      () => acme.previews.create({ manifests: [aClusterManifest("theirs")] }),
    ]) {
      expect(await refusal(call())).toMatchObject({ status: expect.toSatisfy((status) => status === 403 || status === 404) });
    }
  });
});

describe("placement", () => {
  it("is decided with the write, shown before, and kept", async ({ expect }) => {
    const claw = service.claw();
    await claw.clusters.create(anAnswering("small", { capacity: { instances: 1 } }, { labels: { fleet: "one" } }));
    await claw.clusters.create(anAnswering("large", { capacity: { instances: 4 } }, { labels: { fleet: "one" } }));
    await claw.tenants.create(aTenant("placed", { placement: { selector: { fleet: "one" } } }));
    const placed = service.claw("placed");
    for (const name of ["a", "b"]) {
      await placed.instances.create(anEcho(name));
    }
    const { items } = await placed.instances.list();
    expect(items.map(({ status }) => status.cluster)).toEqual(["large", "large"]);
    expect((await claw.clusters.get("large")).status.allocated).toMatchObject({ instances: 2, cpu: "0.2" });
    // A change of the tenant's wish is for instances to come.
    await claw.tenants.replace("placed", aTenant("placed", { placement: { cluster: "small" } }));
    await placed.instances.replace("a", anEcho("a", { resources: { cpu: "200m" } }));
    expect((await placed.instances.get("a")).status.cluster).toBe("large");
    const preview = await placed.previews.create({ manifests: [anEcho("c", { placement: { cluster: "down" } })] });
    expect(preview.items[0]?.placement).toEqual({ cluster: "down", reason: "asked for by name" });
  });

  it("that nothing satisfies is refused, with the reason of each cluster", async ({ expect }) => {
    const claw = service.claw();
    await claw.clusters.create(anAnswering("tight", { capacity: { cpu: "50m" } }, { labels: { tier: "gold" } }));
    const wanted = anEcho("hopeful", { placement: { selector: { tier: "gold" } } });
    const refused = await refusal(service.claw("acme").instances.create(wanted));
    expect(refused).toMatchObject({ code: "placement.unsatisfied" });
    expect(refused.message).toMatch(/'tight': 0 of 0\.05 cores are taken/);
    expect(refused.message).toMatch(/'secretive': its labels don't match tier=gold/);
  });

  it("is refused by a cluster without an image for the claw's type, which can't lose the one that it uses either", async ({ expect }) => {
    const claw = service.claw();
    const acme = service.claw("acme");
    const images = { agent: "claw-agent:1", claws: { Other: "other:1" } };
    await claw.clusters.create(aClusterManifest("imageless", { images }));
    const wanted = anEcho("pictured", { placement: { cluster: "imageless" } });
    const reason = "it has no image for claws of type 'Echo': set spec.images.claws.Echo of cluster 'imageless'";
    expect(await refusal(acme.instances.create(wanted))).toMatchObject({
      code: "placement.unsatisfied",
      issues: [{ path: "clusters.imageless", message: reason }],
    });
    await claw.clusters.replace("imageless", aClusterManifest("imageless"));
    await acme.instances.create(wanted);
    expect(await refusal(claw.clusters.replace("imageless", aClusterManifest("imageless", { images })))).toMatchObject({
      code: "request.invalid",
      issues: [{ path: "spec.images.claws.Echo", message: expect.stringContaining("acme/pictured") }],
    });
  });

  it("never takes more than there is room for, however many come at once", async ({ expect }) => {
    await service.claw().clusters.create(aClusterManifest("two", { capacity: { instances: 2 } }));
    const acme = service.claw("acme");
    const results = await Promise.allSettled(
      [1, 2, 3, 4, 5].map((index) => acme.instances.create(anEcho(`rush-${index}`, { placement: { cluster: "two" } }))),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(2);
  });
});

describe("moving", () => {
  it("is refused for an instance with data to keep, and removes the old place first for one without", async ({ expect }) => {
    const acme = service.claw("acme");
    await service.claw().clusters.create(aClusterManifest("elsewhere"));
    await acme.instances.create(anEcho("keeper"));
    await acme.instances.create(anEcho("goer", { deletionPolicy: "delete" }));
    for (const name of ["keeper", "goer"]) {
      await eventually(
        () => acme.instances.get(name),
        ({ status }) => status.phase === "Running",
      );
    }
    const placement = { cluster: "elsewhere" };
    expect(await refusal(acme.instances.replace("keeper", anEcho("keeper", { placement })))).toMatchObject({
      code: "placement.holds_data",
    });
    const preview = await acme.previews.create({ manifests: [anEcho("goer", { deletionPolicy: "delete", placement })] });
    expect(preview.items[0]?.placement).toMatchObject({ cluster: "elsewhere", from: "local" });
    expect(preview.items[0]?.resources.map(({ op }) => op)).toContain("delete");
  });
});

describe("a drain", () => {
  it("closes the cluster, moves what can go, and says why the rest stays", async ({ expect }) => {
    const claw = service.claw();
    const acme = service.claw("acme");
    await claw.clusters.create(anAnswering("old", { capacity: { instances: 9 } }, { labels: { pool: "p" } }));
    await acme.instances.create(anEcho("chosen", { placement: { selector: { pool: "p" } } }));
    await acme.instances.create(anEcho("pinned", { placement: { cluster: "old" } }));
    await claw.clusters.create(anAnswering("new", { capacity: { instances: 9 } }, { labels: { pool: "p" } }));
    const dry = await claw.clusters.drain("old", { dryRun: true });
    expect(dry.moved).toEqual([{ tenant: "acme", instance: "chosen", to: "new" }]);
    expect((await claw.clusters.get("old")).spec.unschedulable).toBe(false);
    const drained = await claw.clusters.drain("old");
    expect(drained.moved).toEqual(dry.moved);
    expect(drained.stays).toMatchObject([{ instance: "pinned", reason: /names this cluster/ }]);
    expect((await acme.instances.get("chosen")).status.cluster).toBe("new");
    expect(await refusal(acme.instances.create(anEcho("late", { placement: { cluster: "old" } })))).toMatchObject({
      code: "placement.unsatisfied",
    });
  });
});

describe("a real cluster", () => {
  const { cluster } = useCluster();

  it("tells its version and what its nodes offer; wrong credentials are named as such", async ({ expect }) => {
    const claw = service.claw();
    const { kubeconfig } = cluster();
    await claw.clusters.create(aClusterManifest("real", { credentials: { source: "kubeconfig", kubeconfig } }));
    const real = await eventually(
      () => claw.clusters.get("real"),
      ({ status }) => status.phase === "Ready",
    );
    expect(real.status.version).toMatch(/^v1\./);
    expect(real.status.nodes).toBeGreaterThan(0);
    expect(Number(real.status.capacity.cpu)).toBeGreaterThan(0);
    const config = JSON.parse(kubeconfig);
    config.users[0].user = { token: "wrong" };
    const credentials = { source: "kubeconfig", kubeconfig: JSON.stringify(config) } as const;
    await claw.clusters.replace("real", aClusterManifest("real", { credentials }));
    const locked = await eventually(
      () => claw.clusters.get("real"),
      ({ status }) => status.phase === "Unreachable",
    );
    expect(locked.status.conditions).toMatchObject([{ reason: "Unauthorized" }]);
    config.users[0].user = JSON.parse(kubeconfig).users[0].user;
    delete config.clusters[0].cluster["certificate-authority-data"];
    const distrustful = { source: "kubeconfig", kubeconfig: JSON.stringify(config) } as const;
    await claw.clusters.replace("real", aClusterManifest("real", { credentials: distrustful }));
    await eventually(
      () => claw.clusters.get("real"),
      ({ status }) => status.conditions.some(({ reason }) => reason === "CertificateInvalid"),
    );
  });
});
