import { describe, it, onTestFinished } from "vitest";
import { KubernetesProvider } from "../../../adapters/providers/kubernetes/provider.ts";
import { type KubernetesTarget, KubernetesTargetSchema, type ResolvedInstance } from "../../../sdk/contract/index.ts";
import { until } from "../../support/agent/harness.ts";
import { useTenantStacks } from "../../support/automation/tenant-stacks.ts";
import { aResolvedInstance as anInstance } from "../../support/builders/resolved-instance.ts";
import { useCluster } from "../../support/kubernetes/use-cluster.ts";
import { aStorageClass } from "../../support/kubernetes/volumes.ts";

const { cluster } = useCluster();
const aStack = useTenantStacks({ kubernetes: () => new KubernetesProvider({}) });

/** A tenant on the test cluster, in a namespace of its own, with room for one claw. */
async function aTenant(name: string, changes: Partial<KubernetesTarget> = {}) {
  const { api, kubeconfig } = cluster();
  const namespace = `claw-${name}`;
  onTestFinished(() => api.delete(`/api/v1/namespaces/${namespace}`));
  const target = KubernetesTargetSchema.parse({
    runtime: "kubernetes",
    cluster: "test",
    kubeconfig,
    namespace,
    agentUrl: "ws://192.0.2.1:8787/agent/v1",
    images: { agent: "example.com/agent:1", claws: { OpenClaw: "example.com/openclaw:${version}" } },
    storageClass: await aStorageClass(api, `${name}-volumes`, 1),
    networkPolicy: { enabled: true, controlPlaneCidrs: ["192.0.2.1/32"], allowedEgress: ["0.0.0.0/0"] },
    quota: { instances: 2, cpu: "4", memory: "8Gi", storage: "20Gi" },
    ...changes,
  });
  const run = aStack({ tenant: name, target });
  const own = (kind: string) => `/api/v1/namespaces/${namespace}/${kind}`;
  const pod = async () => (await api.list(own("pods"))).find(({ metadata }) => metadata.deletionTimestamp === undefined);
  const readyPod = async (is: (found: { metadata: { uid: string; annotations: Record<string, string> } }) => boolean = () => true) => {
    let found: Awaited<ReturnType<typeof pod>>;
    await until(
      async () => {
        found = await pod();
        const isReady = found?.status.conditions?.some(({ type, status }: Record<string, string>) => type === "Ready" && status === "True");
        return isReady && is(found);
      },
      () => `the pod is ready; it is ${JSON.stringify(found?.status)}`,
    );
    return found;
  };
  return { run, api, own, pod, readyPod };
}

describe("a tenant's stack on a real API server", () => {
  it("is accepted under restricted pod security and the quota, runs, and shows no change afterwards", async ({ expect }) => {
    const { run, readyPod } = await aTenant("runs", {
      ingress: { className: "nginx", host: "${instance}.example.com" },
    });
    const preview = await run("preview", [anInstance("a", { expose: true })]);
    expect(Object.values(preview.ops).every((op) => op === "create")).toBe(true);
    expect(JSON.stringify(preview.changes)).not.toMatch(/k3y|agent-s3cret/);
    expect((await run("up", [anInstance("a", { expose: true })])).failures).toEqual([]);
    const pod = await readyPod();
    expect(pod.spec).toMatchObject({ automountServiceAccountToken: false, serviceAccountName: "claw" });
    expect((await run("preview", [anInstance("a", { expose: true })])).ops).toEqual({});
    expect((await run("refresh", [anInstance("a", { expose: true })])).ops).toEqual({});
    // What is declared no more goes.
    expect((await run("up", [anInstance("a")])).ops).toEqual({ "a-ingress": "delete", "a-network": "update", "a-boot": "update" });
  });

  it("knows again what was made before a crash when the instance is to go, and nobody else's object of the same name", async ({
    expect,
  }) => {
    const { run, api, own } = await aTenant("crashed");
    const instances = ["a", "b"].map((name) => anInstance(name, { deletionPolicy: "delete" }));
    expect((await run("up", instances)).failures).toEqual([]);
    await run.forgetCreated((name) => /^[ab]-/.test(name));
    await api.delete(own("services/b"));
    const foreign = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "b" },
      spec: { ports: [{ port: 80 }], selector: { app: "theirs" } },
    };
    await api.create(own("services"), foreign);
    expect((await run("up", [], ["a", "b"])).failures).toEqual([]);
    for (const kind of ["secrets", "services", "persistentvolumeclaims"]) {
      const names = async () => (await api.list(own(kind))).map(({ metadata }) => metadata.name);
      await until(
        async () => (await names()).every((name) => !/^[ab]/.test(name) || (kind === "services" && name === "b")),
        `the ${kind} are gone`,
      );
    }
    expect((await api.get(own("services/b"))).spec.selector).toEqual({ app: "theirs" });
  });

  it("leaves the pod alone for a config file, and exchanges it for a restart, a version and more memory", async ({ expect }) => {
    const { run, readyPod, api, own } = await aTenant("changes");
    const before = anInstance("a");
    await run("up", [before]);
    const first = await readyPod();
    const configured = { ...before, runtime: { ...before.runtime, files: [{ path: "claw.json", content: "{}" }] } };
    expect((await run("up", [configured])).ops).toEqual({ "a-boot": "update" });
    const secret = await api.get(own("secrets/a-boot"));
    expect(JSON.parse(Buffer.from(secret.data["boot.json"], "base64").toString()).files).toEqual({ "claw.json": "{}" });
    expect((await readyPod()).metadata.uid).toBe(first.metadata.uid);

    let uid = first.metadata.uid;
    const exchanges = async (instance: ResolvedInstance) => {
      const { ops, failures } = await run("up", [instance]);
      expect({ ops, failures }).toEqual({ ops: { "a-claw": "update" }, failures: [] });
      uid = (await readyPod((pod) => pod.metadata.uid !== uid)).metadata.uid;
    };
    await exchanges({ ...configured, restartedAt: "3" });
    await exchanges({ ...configured, restartedAt: "3", resources: { cpu: "1", memory: "3Gi" } });
  });

  it("scales to nothing and back, and keeps the volumes of a deleted instance unless they are to go", async ({ expect }) => {
    const { run, readyPod, pod, api, own } = await aTenant("ends");
    const a = anInstance("a");
    await run("up", [a]);
    await readyPod();
    expect((await run("up", [{ ...a, running: false }])).ops).toEqual({ "a-claw": "update" });
    await until(async () => (await pod()) === undefined, "the pod is gone");
    await run("up", [a]);
    await readyPod();

    expect((await run("up", [], ["a"])).failures).toEqual([]);
    await until(async () => (await api.list(own("pods"))).length === 0, "the pod is gone");
    expect(await api.get(own("secrets/a-boot"))).toBeUndefined();
    const kept = await api.list(own("persistentvolumeclaims"));
    expect(kept.map(({ metadata }) => metadata.name.replace(/-[0-9a-f]{8}$/, "")).sort()).toEqual(["a-config", "a-data"]);

    const again = anInstance("a", { uid: "ins_again", deletionPolicy: "delete" });
    await run("up", [again]);
    await run("up", [], ["a"]);
    await until(async () => (await api.list(own("persistentvolumeclaims"))).length === 2, "only those of the first are left");
  });

  it("names what the cluster refuses of what instances share, and makes none of theirs", async ({ expect }) => {
    const { api } = cluster();
    const { run, own } = await aTenant("refused");
    // Somebody else's.
    await api.create("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: "claw-refused" } });
    const { failures } = await run("up", [anInstance("a"), anInstance("b")]);
    expect(failures).toMatchObject([{ message: expect.stringContaining("Namespace claw-refused already exists") }]);
    expect(failures[0]).not.toHaveProperty("instance");
    expect(await api.list(own("secrets"))).toEqual([]);
  });

  it("refuses what the tenant's quota does not hold, also from others", async ({ expect }) => {
    const { run, api, own } = await aTenant("quota", { quota: { instances: 1, cpu: "1", memory: "2Gi" } });
    await run("up", [anInstance("a")]);
    const container = { name: "x", image: "example.com/x:1", resources: { requests: { cpu: "2" }, limits: { cpu: "2" } } };
    const answer = await api.send("POST", own("pods"), {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "x" },
      spec: { containers: [container] },
    });
    expect(answer.status).toBe(403);
    const balancer = await api.send("POST", own("services"), {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "x" },
      spec: { type: "LoadBalancer", ports: [{ port: 80 }] },
    });
    expect(balancer.body.message).toContain("services.loadbalancers=0");
  });
});
