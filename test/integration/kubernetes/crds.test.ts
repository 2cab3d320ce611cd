import { execFile } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { Client } from "pg";
import { afterAll, beforeAll, describe, it } from "vitest";
import { aClusterManifest } from "../../support/builders/cluster.ts";
import { findProgram } from "../../support/find-program.ts";
import { findBinaries } from "../../support/kubernetes/binaries.ts";
import { useCluster } from "../../support/kubernetes/use-cluster.ts";
import { eventually, startTestService, type TestService } from "../../support/service.ts";

const { cluster } = useCluster();
const run = promisify(execFile);
const kubectl = async (...args: string[]) => {
  const [program, ...first] = findProgram("kubectl") ? ["kubectl"] : findBinaries().command("kubectl");
  const { stdout } = await run(program, [...first, ...args], { env: { ...process.env, KUBECONFIG: cluster().kubeconfigPath } });
  return stdout;
};
const RESOURCES = "/apis/clusterclaw.io/v1/namespaces/tenant-a/clawinstances";
const TEMPLATES = "/apis/clusterclaw.io/v1/namespaces/tenant-a/configtemplates";
const PROJECT = "clusterclaw.io/project";
const TOOLS = "tool.example.com/tracking-id";
/** On the control plane's host: no pod ever runs in the cluster of these tests. */
const an = (name: string, spec: object, metadata: object = {}) => ({
  apiVersion: "clusterclaw.io/v1" as const,
  kind: "ClawInstance" as const,
  metadata: { name, namespace: "tenant-a", ...metadata },
  spec: {
    type: "Echo",
    placement: { cluster: "local" },
    resources: { cpu: "100m", memory: "64Mi" },
    storage: { size: "1Gi" },
    ...spec,
  },
});
const aTemplate = (name: string, spec: object = {}) => ({
  apiVersion: "clusterclaw.io/v1" as const,
  kind: "ConfigTemplate" as const,
  metadata: { name, namespace: "tenant-a" },
  spec: { adapter: "EchoAdapter", ...spec },
});
const isReady = ({ type, status }: { type?: string; status?: string }) => type === "Ready" && status === "True";
const acceptedOf = (object: { status?: { conditions?: { type: string }[] } }) =>
  object?.status?.conditions?.find(({ type }) => type === "Accepted");

let service: TestService | undefined;
const claw = (tenant?: string) => {
  if (!service) {
    throw new Error("the service is there within tests only");
  }
  return service.claw(tenant);
};
/** What a client of the control plane does to an instance that it has read. */
const editHere = async (
  name: string,
  edit: (instance: Awaited<ReturnType<ReturnType<typeof claw>["instances"]["get"]>>) => { spec?: object; metadata?: object },
) => {
  const tenant = claw("tenant-a");
  const instance = await tenant.instances.get(name);
  const { labels, annotations } = instance.metadata;
  const { spec, metadata } = edit(instance);
  const manifest = an(name, { ...instance.spec, ...spec }, { labels, annotations, ...metadata });
  await tenant.instances.replace(name, manifest as unknown as Parameters<typeof tenant.instances.replace>[1]);
};
/** A custom resource that has been carried. */
const carried = async (name: string, object: object) => {
  await cluster().api.create(RESOURCES, object);
  return eventually(
    () => cluster().api.get(`${RESOURCES}/${name}`),
    ({ status }) => status?.carried !== undefined,
  );
};
const remove = async (name: string) => {
  await cluster().api.delete(`${RESOURCES}/${name}`);
  await eventually(
    () => cluster().api.get(`${RESOURCES}/${name}`),
    (object) => object === undefined,
  );
};
beforeAll(async () => {
  try {
    cluster();
  } catch {
    return;
  }
  await kubectl("apply", "-f", "deploy/crds");
  service = await startTestService();
  const credentials = { source: "kubeconfig", kubeconfig: cluster().kubeconfig };
  const images = { agent: "claw-agent:1", claws: { Echo: "claw-echo:1", OpenClaw: "claw-openclaw:1" } };
  await service.claw().clusters.create(aClusterManifest("here", { credentials, crds: true, images }));
  // Kubernetes refuses all of it until it serves the kinds, and the instance, which comes first, until its tenant's namespace is there.
  await eventually(
    () =>
      kubectl("apply", "-f", "docs/examples/founding.yaml").then(
        () => "",
        ({ stderr }) => String(stderr),
      ),
    (refusal) => refusal === "",
    120_000,
  );
}, 300_000);
afterAll(async () => {
  if (service) {
    // Whoever holds them must let them go.
    await kubectl("delete", "clawinstances.clusterclaw.io,configtemplates.clusterclaw.io", "--all", "--all-namespaces", "--timeout=120s");
    await kubectl("delete", "tenants.clusterclaw.io", "--all", "--timeout=120s");
    await service.stop();
  }
}, 300_000);

describe("kubectl", () => {
  it("applies the founding design's examples as they are written, and the tenant brings its namespace", async ({ expect }) => {
    const instance = await eventually(
      () => cluster().api.get(`${RESOURCES}/claw-instance-01`),
      (object) => acceptedOf(object) !== undefined && object.status.carried !== undefined,
    );
    expect(acceptedOf(instance)).toMatchObject({ status: "True" });
    expect((await claw().tenants.get("tenant-a")).spec.quota.instances).toBe(10);
    expect((await claw("default").configs.get("default-config")).status.publishedVersion).toBe(1);
    const { spec, metadata } = await claw("tenant-a").instances.get("claw-instance-01");
    expect(spec.config.template).toBe("default-config");
    expect(metadata.labels).toEqual({ app: "claw", type: "openclaw" });
    // A secret of its template is not set: it says so where it was written.
    const waiting = await eventually(
      () => cluster().api.get(`${RESOURCES}/claw-instance-01`),
      (object) => object.status.conditions.some(({ reason }: { reason: string }) => reason === "ConfigInvalid"),
    );
    expect(JSON.stringify(waiting.status.conditions)).toContain("model.apiKey");
  });

  it("shows instances as people want to see them", async ({ expect }) => {
    const { api } = cluster();
    await api.create(RESOURCES, an("shown", {}));
    await eventually(
      () => api.get(`${RESOURCES}/shown`),
      (object) => object.status?.conditions?.some((condition: object) => isReady(condition)),
    );
    const [header, ...rows] = (await kubectl("get", "claws", "-n", "tenant-a")).split("\n");
    expect(header).toMatch(/^NAME +TYPE +PHASE +READY +RESTARTS +CLUSTER +AGE$/);
    expect(rows.find((row) => row.startsWith("shown"))).toMatch(/^shown +Echo +Running +True +0 +local +\d/);
  });

  it("is refused by the API server what the contract forbids", async ({ expect }) => {
    const { api } = cluster();
    const refused = (object: object) => api.send("POST", RESOURCES, object);
    expect(await refused(an("x", { replicas: -1 }))).toMatchObject({ status: 422 });
    expect(await refused(an("x", { resources: { cpu: "much" } }))).toMatchObject({ status: 422 });
    const both = await refused(an("x", { placement: { cluster: "a", selector: { b: "c" } } }));
    expect(both.body.message).toContain("give either 'cluster' or 'selector'");
    await api.create(RESOURCES, an("fixed", { running: false }));
    const retyped = await api.send("PATCH", `${RESOURCES}/fixed`, { spec: { type: "OpenClaw" } }, "application/merge-patch+json");
    expect(retyped.body.message).toContain("an instance can't change its type");
  });

  it("is told by a condition what the control plane refuses", async ({ expect }) => {
    const { api } = cluster();
    await api.create(RESOURCES, an("greedy", { resources: { cpu: "500", memory: "64Mi" } }));
    const greedy = await eventually(
      () => api.get(`${RESOURCES}/greedy`),
      (object) => acceptedOf(object) !== undefined,
    );
    expect(acceptedOf(greedy)).toMatchObject({ status: "False", reason: "TenantQuotaExceeded" });
    await remove("greedy");
  });

  it("and the control plane's own clients edit the same thing: the last writer wins on both sides", async ({ expect }) => {
    const { api } = cluster();
    const tenant = claw("tenant-a");
    await api.create(RESOURCES, an("shared", { running: false }));
    const created = await eventually(
      () => tenant.instances.get("shared").catch(() => undefined),
      (instance) => instance !== undefined,
    );
    const setCpu = (cpu: string) => editHere("shared", () => ({ spec: { resources: { cpu, memory: "64Mi" } } }));
    // As soon as an edit has arrived, the next one is made: what is in between must not undo it.
    for (let round = 1; round <= 10; round++) {
      const [there, first, second] = [`${round}01m`, `${round}02m`, `${round}03m`];
      await api.merge(`${RESOURCES}/shared`, { spec: { resources: { cpu: there } } });
      await eventually(
        () => tenant.instances.get("shared"),
        ({ spec }) => spec.resources.cpu === there,
      );
      await setCpu(first);
      await setCpu(second);
      await eventually(
        () => api.get(`${RESOURCES}/shared`),
        ({ spec, status, metadata }) => spec.resources.cpu === second && status.observedGeneration === metadata.generation,
      );
    }
    const { metadata, spec } = await tenant.instances.get("shared");
    expect(spec.resources.cpu).toBe("1003m");
    expect(metadata.uid).toBe(created?.metadata.uid);
  });

  it("writes nothing over what the resource says for itself: a secret, a default, a number", async ({ expect }) => {
    const { api } = cluster();
    const variables = [
      { name: "reply.prefix", type: "string", secret: true },
      { name: "reply.wordDelayMs", type: "number" },
    ];
    await api.create(TEMPLATES, aTemplate("secretive", { variables }));
    const overrides = [{ key: "reply.prefix", value: "sk-secret-123" }];
    // Refused until its template is there, and tried again.
    const before = await carried(
      "secretive",
      an("secretive", { running: false, replicas: 2, config: { template: "secretive", overrides } }),
    );
    await editHere("secretive", ({ spec }) => ({
      spec: {
        resources: { ...spec.resources, cpu: "250m" },
        config: { ...spec.config, overrides: [{ key: "reply.wordDelayMs", value: 5 }, ...spec.config.overrides] },
      },
    }));
    const after = await eventually(
      () => api.get(`${RESOURCES}/secretive`),
      ({ spec, status, metadata }) => spec.resources.cpu === "250m" && status.observedGeneration === metadata.generation,
    );
    expect(after.spec).toEqual({
      ...before.spec,
      resources: { cpu: "250m", memory: "64Mi" },
      config: { template: "secretive", overrides: [{ key: "reply.wordDelayMs", value: 5 }, ...overrides] },
    });
    // Here they are as they were too.
    const { spec } = await claw("tenant-a").instances.get("secretive");
    expect(spec.config.overrides.map(({ value }) => value)).toEqual([5, "[secret]"]);
    // One that is changed here stays changed while the resource gets labels only.
    await editHere("secretive", ({ spec: { config } }) => ({
      spec: { config: { ...config, overrides: [config.overrides[0], { key: "reply.prefix", value: "sk-rotated" }] } },
    }));
    const { generation } = (await claw("tenant-a").instances.get("secretive")).metadata;
    await api.merge(`${RESOURCES}/secretive`, { metadata: { labels: { only: "label" } } });
    const labelled = await eventually(
      () => claw("tenant-a").instances.get("secretive"),
      ({ metadata }) => metadata.labels["only"] === "label",
    );
    expect(labelled.metadata.generation).toBe(generation);
    expect((await api.get(`${RESOURCES}/secretive`)).spec).toEqual(after.spec);
    await remove("secretive");
    await api.delete(`${TEMPLATES}/secretive`);
  });

  it("carries labels, annotations and the project both ways, and leaves what other tools wrote", async ({ expect }) => {
    const { api } = cluster();
    const tenant = claw("tenant-a");
    await tenant.projects.create({ apiVersion: "clusterclaw.io/v1", kind: "Project", metadata: { name: "shop" }, spec: {} });
    const annotations = { [PROJECT]: "shop", note: "old", [TOOLS]: "1" };
    await carried("labelled", an("labelled", { running: false }, { labels: { a: "1", b: "1" }, annotations }));
    expect((await tenant.instances.get("labelled")).metadata).toMatchObject({ project: "shop", labels: { a: "1", b: "1" } });

    await kubectl("label", "--overwrite", "claw", "labelled", "-n", "tenant-a", "a=2", "b-", "c=1");
    await kubectl("annotate", "--overwrite", "claw", "labelled", "-n", "tenant-a", "note=new", "kubectl.kubernetes.io/restartedAt=today");
    const there = await eventually(
      () => tenant.instances.get("labelled"),
      ({ metadata }) => metadata.labels["a"] === "2" && metadata.annotations["note"] === "new",
    );
    expect(there.metadata.labels).toEqual({ a: "2", c: "1" });
    expect(there.metadata.annotations).toEqual({ note: "new", [TOOLS]: "1" });

    await editHere("labelled", () => ({ metadata: { labels: { a: "3", d: "1" }, annotations: { mine: "1" } } }));
    const here = await eventually(
      () => api.get(`${RESOURCES}/labelled`),
      ({ metadata }) => metadata.labels.a === "3",
    );
    expect(here.metadata.labels).toEqual({ a: "3", d: "1" });
    const kubectls = { "kubectl.kubernetes.io/restartedAt": "today" };
    expect(here.metadata.annotations).toEqual({ ...kubectls, [PROJECT]: "shop", [TOOLS]: "1", mine: "1" });
    expect(here.metadata.generation).toBe(1);
    await remove("labelled");

    // Of what was made here first, the project is told with the next edit.
    const made = an("labelled", { running: false }, { project: "shop" });
    await tenant.instances.create(made as unknown as Parameters<typeof tenant.instances.create>[0]);
    await carried("labelled", an("labelled", { running: false }));
    await editHere("labelled", () => ({ metadata: { labels: { e: "1" } } }));
    const told = await eventually(
      () => api.get(`${RESOURCES}/labelled`),
      ({ metadata }) => metadata.labels?.e === "1",
    );
    expect(told.metadata.annotations).toEqual({ [PROJECT]: "shop" });
    await remove("labelled");
  });

  it("places an instance in the cluster that it was written to, unless it says where", async ({ expect }) => {
    const { api } = cluster();
    const spec = { running: false, placement: undefined };
    const unplaced = await carried("unplaced", an("unplaced", spec));
    expect(unplaced.status.cluster).toBe("here");
    expect((await claw("tenant-a").instances.get("unplaced")).spec.placement).toMatchObject({ cluster: "here" });
    const placed = await carried("placed", an("placed", { running: false }));
    expect(placed.status.cluster).toBe("local");
    // An edit of something else writes no placement to the one, and leaves the other's.
    await editHere("unplaced", ({ spec: { resources } }) => ({ spec: { resources: { ...resources, cpu: "200m" } } }));
    await editHere("placed", ({ spec: { resources } }) => ({ spec: { resources: { ...resources, cpu: "200m" } } }));
    const edited = (name: string) =>
      eventually(
        () => api.get(`${RESOURCES}/${name}`),
        (object) => object.spec.resources.cpu === "200m",
      );
    expect((await edited("unplaced")).spec.placement).toBeUndefined();
    expect((await edited("placed")).spec.placement).toEqual({ cluster: "local" });
    await remove("unplaced");
    await remove("placed");
  });

  it("has a template of its own deleted, though there is a shared one of that name", async ({ expect }) => {
    const { api } = cluster();
    const { configs } = claw("tenant-a");
    await claw("default").configs.create({ ...aTemplate("common", { description: "shared" }), metadata: { name: "common" } });
    await api.create(TEMPLATES, aTemplate("common", { description: "own" }));
    await eventually(
      () => api.get(`${TEMPLATES}/common`),
      ({ status }) => status?.carried !== undefined,
    );
    expect((await configs.get("common")).spec.description).toBe("own");
    await configs.delete("common");
    await eventually(
      () => api.get(`${TEMPLATES}/common`),
      (object) => object === undefined,
    );
    expect((await configs.get("common")).spec.description).toBe("shared");
  });

  it("leaves the finalizers of others alone", async ({ expect }) => {
    const { api } = cluster();
    const others = ["example.com/backup"];
    const held = await carried("guarded", an("guarded", { running: false }, { finalizers: others }));
    expect(held.metadata.finalizers).toEqual([...others, "clusterclaw.io/control-plane"]);
    await api.delete(`${RESOURCES}/guarded`);
    const left = await eventually(
      () => api.get(`${RESOURCES}/guarded`),
      ({ metadata }) => !metadata.finalizers.includes("clusterclaw.io/control-plane"),
    );
    expect(left.metadata.finalizers).toEqual(others);
    await api.merge(`${RESOURCES}/guarded`, { metadata: { finalizers: null } });
    expect(await api.get(`${RESOURCES}/guarded`)).toBeUndefined();
  });

  it("costs the database next to nothing while neither side is edited", async ({ onTestFinished }) => {
    const { api } = cluster();
    const names = Array.from({ length: 50 }, (_, index) => `idle-${index}`);
    for (const name of names) {
      await api.create(TEMPLATES, aTemplate(name));
    }
    await eventually(
      () => api.list(TEMPLATES),
      (items) => items.filter(({ status }) => status?.carried !== undefined).length >= names.length,
    );
    const database = new Client({ connectionString: service?.databaseUrl });
    await database.connect();
    onTestFinished(() => database.end());
    const transactions = async () => {
      await database.query("select pg_stat_clear_snapshot()");
      const { rows } = await database.query("select xact_commit from pg_stat_database where datname = current_database()");
      return Number(rows[0]?.xact_commit);
    };
    // Looking at each of them once a second would be three times as many; what else the service does takes about twenty.
    await eventually(
      async () => {
        const before = await transactions();
        await delay(3_000);
        return (await transactions()) - before;
      },
      (count) => count < names.length,
    );
  });

  it("deletes what it made only after it is gone, and what is destroyed elsewhere goes there too", async ({ expect }) => {
    const { api } = cluster();
    const tenant = claw("tenant-a");
    await api.create(RESOURCES, an("doomed", {}));
    await eventually(
      () => api.get(`${RESOURCES}/doomed`),
      (object) => object.status?.phase === "Running",
    );
    await api.delete(`${RESOURCES}/doomed`);
    const held = await api.get(`${RESOURCES}/doomed`);
    expect(held?.metadata.finalizers).toEqual(["clusterclaw.io/control-plane"]);
    await eventually(
      () => api.get(`${RESOURCES}/doomed`),
      (object) => object === undefined,
    );
    await expect(tenant.instances.get("doomed")).rejects.toMatchObject({ code: "instance.not_found" });

    await tenant.instances.delete("shown");
    await eventually(
      () => api.get(`${RESOURCES}/shown`),
      (object) => object === undefined,
    );
  });
});
