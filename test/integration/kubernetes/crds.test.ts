import { execFile } from "node:child_process";
import { promisify } from "node:util";
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
const resources = "/apis/clusterclaw.io/v1/namespaces/tenant-a/clawinstances";
const an = (name: string, spec: object, metadata: object = {}) => ({
  apiVersion: "clusterclaw.io/v1",
  kind: "ClawInstance",
  metadata: { name, namespace: "tenant-a", ...metadata },
  spec: { type: "Echo", resources: { cpu: "100m", memory: "64Mi" }, storage: { size: "1Gi" }, ...spec },
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
beforeAll(async () => {
  try {
    cluster();
  } catch {
    return;
  }
  await kubectl("apply", "-f", "deploy/crds");
  service = await startTestService();
  const credentials = { source: "kubeconfig", kubeconfig: cluster().kubeconfig };
  await service.claw().clusters.create(aClusterManifest("here", { credentials, crds: true }));
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
      () => cluster().api.get(`${resources}/claw-instance-01`),
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
      () => cluster().api.get(`${resources}/claw-instance-01`),
      (object) => object.status.conditions.some(({ reason }: { reason: string }) => reason === "ConfigInvalid"),
    );
    expect(JSON.stringify(waiting.status.conditions)).toContain("model.apiKey");
  });

  it("shows instances as people want to see them", async ({ expect }) => {
    const { api } = cluster();
    await api.create(resources, an("shown", {}));
    await eventually(
      () => api.get(`${resources}/shown`),
      (object) => object.status?.conditions?.some((condition: object) => isReady(condition)),
    );
    const [header, ...rows] = (await kubectl("get", "claws", "-n", "tenant-a")).split("\n");
    expect(header).toMatch(/^NAME +TYPE +PHASE +READY +RESTARTS +CLUSTER +AGE$/);
    expect(rows.find((row) => row.startsWith("shown"))).toMatch(/^shown +Echo +Running +True +0 +local +\d/);
  });

  it("is refused by the API server what the contract forbids", async ({ expect }) => {
    const { api } = cluster();
    const refused = (object: object) => api.send("POST", resources, object);
    expect(await refused(an("x", { replicas: -1 }))).toMatchObject({ status: 422 });
    expect(await refused(an("x", { resources: { cpu: "much" } }))).toMatchObject({ status: 422 });
    const both = await refused(an("x", { placement: { cluster: "a", selector: { b: "c" } } }));
    expect(both.body.message).toContain("give either 'cluster' or 'selector'");
    await api.create(resources, an("fixed", { running: false }));
    const retyped = await api.send("PATCH", `${resources}/fixed`, { spec: { type: "OpenClaw" } }, "application/merge-patch+json");
    expect(retyped.body.message).toContain("an instance can't change its type");
  });

  it("is told by a condition what the control plane refuses", async ({ expect }) => {
    const { api } = cluster();
    await api.create(resources, an("greedy", { resources: { cpu: "500", memory: "64Mi" } }));
    const greedy = await eventually(
      () => api.get(`${resources}/greedy`),
      (object) => acceptedOf(object) !== undefined,
    );
    expect(acceptedOf(greedy)).toMatchObject({ status: "False", reason: "TenantQuotaExceeded" });
    await api.delete(`${resources}/greedy`);
    await eventually(
      () => api.get(`${resources}/greedy`),
      (object) => object === undefined,
    );
  });

  it("and the control plane's own clients edit the same thing: the last writer wins on both sides", async ({ expect }) => {
    const { api } = cluster();
    const tenant = claw("tenant-a");
    await api.create(resources, an("shared", { running: false }));
    const created = await eventually(
      () => tenant.instances.get("shared").catch(() => undefined),
      (instance) => instance !== undefined,
    );
    const editHere = async (cpu: string) => {
      const { spec } = await tenant.instances.get("shared");
      const manifest = an("shared", { ...spec, resources: { cpu, memory: "64Mi" } });
      await tenant.instances.replace("shared", manifest as unknown as Parameters<typeof tenant.instances.replace>[1]);
    };
    // As soon as an edit has arrived, the next one is made: what is in between must not undo it.
    for (let round = 1; round <= 10; round++) {
      const [there, first, second] = [`${round}01m`, `${round}02m`, `${round}03m`];
      await api.merge(`${resources}/shared`, { spec: { resources: { cpu: there } } });
      await eventually(
        () => tenant.instances.get("shared"),
        ({ spec }) => spec.resources.cpu === there,
      );
      await editHere(first);
      await editHere(second);
      await eventually(
        () => api.get(`${resources}/shared`),
        ({ spec, status, metadata }) => spec.resources.cpu === second && status.observedGeneration === metadata.generation,
      );
    }
    const { metadata, spec } = await tenant.instances.get("shared");
    expect(spec.resources.cpu).toBe("1003m");
    expect(metadata.uid).toBe(created?.metadata.uid);
  });

  it("deletes what it made only after it is gone, and what is destroyed elsewhere goes there too", async ({ expect }) => {
    const { api } = cluster();
    const tenant = claw("tenant-a");
    await api.create(resources, an("doomed", {}));
    await eventually(
      () => api.get(`${resources}/doomed`),
      (object) => object.status?.phase === "Running",
    );
    await api.delete(`${resources}/doomed`);
    const held = await api.get(`${resources}/doomed`);
    expect(held?.metadata.finalizers).toEqual(["clusterclaw.io/control-plane"]);
    await eventually(
      () => api.get(`${resources}/doomed`),
      (object) => object === undefined,
    );
    await expect(tenant.instances.get("doomed")).rejects.toMatchObject({ code: "instance.not_found" });

    await tenant.instances.delete("shown");
    await eventually(
      () => api.get(`${resources}/shown`),
      (object) => object === undefined,
    );
  });
});
