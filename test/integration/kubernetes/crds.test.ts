import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, it } from "vitest";
import { aClusterManifest } from "../../support/builders/cluster.ts";
import { anEcho, aTemplate, aTenant } from "../../support/builders/manifests.ts";
import { findProgram } from "../../support/find-program.ts";
import { findBinaries } from "../../support/kubernetes/binaries.ts";
import { useCluster } from "../../support/kubernetes/use-cluster.ts";
import { aClawType } from "../../support/sample-requests.ts";
import { eventually, startTestService, type TestService } from "../../support/service.ts";

const { cluster } = useCluster();
const run = promisify(execFile);
const kubectlCommand = () => (findProgram("kubectl") ? ["kubectl"] : findBinaries().command("kubectl"));
const kubectl = async (...args: string[]) => {
  const [program, ...first] = kubectlCommand();
  const { stdout } = await run(program, [...first, ...args], { env: { ...process.env, KUBECONFIG: cluster().kubeconfigPath } });
  return stdout;
};
/** The line of the guide that has this in it. */
const guideCommand = async (part: string) => {
  const guide = await readFile("docs/guides/kubernetes.md", "utf8");
  return guide.split("\n").find((line) => line.includes("kubectl") && line.includes(part)) ?? "";
};
const RESOURCES = "/apis/clusterclaw.io/v1/namespaces/tenant-a/clawinstances";
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
/** A custom resource that has been carried. */
const carried = async (name: string, object: object) => {
  await cluster().api.create(RESOURCES, object);
  return eventually(
    () => cluster().api.get(`${RESOURCES}/${name}`),
    ({ status }) => status?.carried !== undefined,
  );
};
beforeAll(async () => {
  try {
    cluster();
  } catch {
    return;
  }
  await kubectl("apply", "-f", "deploy/crds");
  await kubectl("wait", "--for", "condition=Established", "--timeout", "60s", "-f", "deploy/crds");
  service = await startTestService();
  const credentials = { source: "kubeconfig", kubeconfig: cluster().kubeconfig };
  const images = { agent: "claw-agent:1", claws: { Echo: "claw-echo:1", OpenClaw: "claw-openclaw:1" } };
  await service.claw().clusters.create(aClusterManifest("here", { credentials, crds: true, images }));
  // A fresh cluster as the guide founds it: once.
  const [program = "", ...first] = kubectlCommand();
  await run(
    "bash",
    ["-euo", "pipefail", "-c", `kubectl() { command "$KUBECTL" $KUBECTL_ARGUMENTS "$@"; }\n${await guideCommand("founding.yaml")}`],
    {
      env: { ...process.env, KUBECONFIG: cluster().kubeconfigPath, KUBECTL: program, KUBECTL_ARGUMENTS: first.join(" ") },
    },
  );
  const tenant = await eventually(
    () =>
      claw()
        .tenants.get("tenant-a")
        .catch(() => undefined),
    (found) => found !== undefined,
  );
  await claw().tenants.replace("tenant-a", aTenant("tenant-a", { ...tenant?.spec, allowLocal: true }));
}, 300_000);
afterAll(async () => {
  if (service) {
    // Whoever holds them must let them go.
    const kinds = ["rollouts", "configvalues", "clawinstances", "configtemplates", "clawtypes"].map((kind) => `${kind}.clusterclaw.io`);
    await kubectl("delete", kinds.join(), "--all", "--all-namespaces", "--timeout=120s");
    await kubectl("delete", "tenants.clusterclaw.io", "--all", "--timeout=120s");
    await service.stop();
  }
}, 300_000);

/** What is carried between both sides, and who wins, is in `test/integration/application/custom-resources`: this is what a real API server adds. */
describe("kubectl", () => {
  it("applies the founding design's examples as they are written, at once, after their namespace", async ({ expect }) => {
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

  it("is brought the namespace of a tenant that has none", async ({ expect }) => {
    await cluster().api.create("/apis/clusterclaw.io/v1/tenants", {
      apiVersion: "clusterclaw.io/v1",
      kind: "Tenant",
      metadata: { name: "tenant-b" },
      spec: {},
    });
    const namespace = await eventually(
      () => cluster().api.get("/api/v1/namespaces/tenant-b"),
      (object) => object !== undefined,
    );
    expect(namespace.status.phase).toBe("Active");
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

  it("and the control plane's own clients edit the same thing: the last writer wins on both sides", async ({ expect }) => {
    const { api } = cluster();
    const tenant = claw("tenant-a");
    await api.create(RESOURCES, an("shared", { running: false }));
    const created = await eventually(
      () => tenant.instances.get("shared").catch(() => undefined),
      (instance) => instance !== undefined,
    );
    await api.merge(`${RESOURCES}/shared`, { spec: { resources: { cpu: "101m" } } });
    await eventually(
      () => tenant.instances.get("shared"),
      ({ spec }) => spec.resources.cpu === "101m",
    );
    // As soon as an edit has arrived, the next ones are made: what is in between must not undo them.
    for (const cpu of ["102m", "103m"]) {
      const { spec } = await tenant.instances.get("shared");
      await tenant.instances.replace("shared", anEcho("shared", { ...spec, resources: { cpu, memory: "64Mi" } }));
    }
    await eventually(
      () => api.get(`${RESOURCES}/shared`),
      ({ spec, status, metadata }) => spec.resources.cpu === "103m" && status.observedGeneration === metadata.generation,
    );
    const { metadata, spec } = await tenant.instances.get("shared");
    expect(spec.resources.cpu).toBe("103m");
    expect(metadata.uid).toBe(created?.metadata.uid);
  });

  it("writes values, claw types and rollouts, and sees there what becomes of them", async ({ expect }) => {
    const { api } = cluster();
    const tenant = claw("tenant-a");
    const pathOf = (plural: string) => RESOURCES.replace("clawinstances", plural);
    const written = (kind: string, name: string, spec: object) => ({
      ...{ apiVersion: "clusterclaw.io/v1", kind, metadata: { name, namespace: "tenant-a" }, spec },
    });
    const becomes = (plural: string, name: string, is: (status: { phase?: string; carried?: object }) => boolean) =>
      eventually(
        () => api.get(`${pathOf(plural)}/${name}`),
        ({ status }) => status !== undefined && is(status),
      );
    // Null is a value of its own: it takes away what weaker levels say.
    const values = [
      { key: "reply.prefix", value: null },
      { key: "reply.wordDelayMs", value: 5, locked: true },
    ];
    await api.create(pathOf("configvalues"), written("ConfigValues", "replies", { at: "tenant", values }));
    await api.create(pathOf("clawtypes"), written("ClawType", "homemade", aClawType("homemade").spec));
    const { status } = await becomes("configvalues", "replies", ({ carried: done }) => done !== undefined);
    expect(status.values).toMatchObject(values.map(({ key }) => ({ key, setBy: "cluster:here" })));
    expect((await tenant.values.get("replies")).spec.values).toMatchObject(values);
    expect(acceptedOf(await becomes("clawtypes", "homemade", ({ carried: done }) => done !== undefined))).toMatchObject({ status: "True" });

    await tenant.configs.create(aTemplate("rolled"));
    await tenant.configs.publish("rolled");
    await tenant.instances.create(anEcho("rolled", { running: false, config: { template: "rolled" } }));
    await tenant.configs.replace("rolled", aTemplate("rolled", { description: "next" }));
    await tenant.configs.publish("rolled", { hold: true });
    const waves = [{ name: "all", selector: "!unwanted", approval: true }];
    const spec = { change: { config: { template: "rolled", version: 2 } }, strategy: { waves }, maxUnavailable: "20%" };
    const refused = await api.send("POST", pathOf("rollouts"), written("Rollout", "next", { ...spec, change: {} }));
    expect(refused.body.message).toContain("give one of 'config', 'software' and 'secret'");
    await api.create(pathOf("rollouts"), written("Rollout", "next", spec));
    await becomes("rollouts", "next", ({ phase }) => phase === "AwaitingApproval");
    const other = await api.send("PATCH", `${pathOf("rollouts")}/next`, { spec: { bakeSeconds: 5 } }, "application/merge-patch+json");
    expect(other.body.message).toContain("a rollout is what it was begun as");
    await tenant.rollouts.abort("next");
    await becomes("rollouts", "next", ({ phase }) => phase === "Aborted");
    expect((await kubectl("get", "clawrollout", "-n", "tenant-a")).split("\n")[1]).toMatch(/^next +Aborted +0 +1 +0 +True +\d/);
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

  it("is let go of when the cluster counts no more: nothing waits for a control plane that does not look", async ({ expect }) => {
    const { api } = cluster();
    await carried("left", an("left", { running: false }));
    expect((await api.get(`${RESOURCES}/left`))?.metadata.finalizers).toEqual(["clusterclaw.io/control-plane"]);
    const { metadata, spec, ...known } = await claw().clusters.get("here");
    await claw().clusters.replace("here", { ...known, metadata: { name: metadata.name }, spec: { ...spec, crds: false } });
    await eventually(
      () => api.get(`${RESOURCES}/left`),
      (object) => object.metadata.finalizers === undefined,
    );
    await kubectl("delete", "tenants.clusterclaw.io", "tenant-a", "--timeout=30s");
    expect((await claw("tenant-a").instances.get("left")).metadata.name).toBe("left");
  });
});
