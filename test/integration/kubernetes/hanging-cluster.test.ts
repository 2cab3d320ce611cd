import { describe, it, onTestFinished } from "vitest";
import { aClusterManifest } from "../../support/builders/cluster.ts";
import { anEcho, aTenant } from "../../support/builders/manifests.ts";
import { startHangingProxy } from "../../support/kubernetes/hanging-proxy.ts";
import { useCluster } from "../../support/kubernetes/use-cluster.ts";
import { aStorageClass } from "../../support/kubernetes/volumes.ts";
import { eventually, startTestService } from "../../support/service.ts";

const { cluster } = useCluster();
const TENANTS = ["one", "two", "three"];

describe("a cluster that says how it is, and hangs in everything else", () => {
  it("keeps its own instances waiting, however many, and none of another cluster", { timeout: 600_000 }, async ({ expect }) => {
    const { api, kubeconfig } = cluster();
    const proxy = await startHangingProxy(kubeconfig);
    onTestFinished(() => proxy[Symbol.asyncDispose]());
    // One worker for each cluster.
    const service = await startTestService({ CLAW_WORKERS: "1" });
    onTestFinished(() => service.stop());
    const storageClass = await aStorageClass(api, "hanging", TENANTS.length + 1);
    const images = { agent: "claw-agent:test", claws: { Echo: "claw-echo:test" } };
    const register = (name: string, access: string) => {
      const credentials = { source: "kubeconfig", kubeconfig: access };
      return service.claw().clusters.create(aClusterManifest(name, { credentials, images, storageClass, namespacePrefix: `${name}-` }));
    };
    await register("stuck", proxy.kubeconfig);
    await register("fine", kubeconfig);
    const isReady = (name: string) =>
      eventually(
        () => service.claw().clusters.get(name),
        ({ status }) => status.phase === "Ready",
      );
    await Promise.all([isReady("stuck"), isReady("fine")]);
    const create = async (tenant: string, name: string) => {
      await service.claw().tenants.create(aTenant(tenant, { placement: { cluster: name } }));
      onTestFinished(() => api.delete(`/api/v1/namespaces/${name}-${tenant}`));
      await service.claw(tenant).instances.create(anEcho("web"));
    };
    const isRunning = (tenant: string, timeoutMs: number) =>
      eventually(
        () => service.claw(tenant).instances.get("web"),
        ({ status, metadata }) => status.phase === "Running" && status.observedGeneration === metadata.generation,
        timeoutMs,
      );

    const watches = proxy.hanging;
    for (const tenant of TENANTS) {
      await create(tenant, "stuck");
    }
    await eventually(
      async () => proxy.hanging,
      (hanging) => hanging > watches,
    );
    await create("four", "fine");
    // An operation gives up after a minute without an answer: this one has not waited for that.
    await isRunning("four", 50_000);
    const preview = await service.claw("four").previews.create({ manifests: [anEcho("web", { running: false })] });
    expect(preview.planId).toBeDefined();
    for (const tenant of TENANTS) {
      expect((await service.claw(tenant).instances.get("web")).status).toMatchObject({ observedGeneration: 0, readyReplicas: 0 });
    }
    await isReady("stuck");

    proxy.release();
    for (const tenant of TENANTS) {
      await isRunning(tenant, 120_000);
    }
  });
});
