import { fileURLToPath } from "node:url";
import { describe, it, onTestFinished } from "vitest";
import { readClawManifest } from "../../../adapters/claws/manifest/claw-manifest.ts";
import { manifestAdapter } from "../../../adapters/claws/manifest/manifest-adapter.ts";
import { createClusters } from "../../../adapters/kubernetes/clusters.ts";
import { KubernetesProvider } from "../../../adapters/providers/kubernetes/provider.ts";
import { InstanceSpecSchema, KubernetesTargetSchema, type ResolvedInstance } from "../../../sdk/contract/index.ts";
import { TestControlPlane } from "../../support/agent/control-plane.ts";
import { until } from "../../support/agent/harness.ts";
import { useTenantStacks } from "../../support/automation/tenant-stacks.ts";
import { aResolvedInstance } from "../../support/builders/resolved-instance.ts";
import { projectImages, useProjectImages } from "../../support/kubernetes/project-images.ts";
import { useCluster } from "../../support/kubernetes/use-cluster.ts";
import { aStorageClass } from "../../support/kubernetes/volumes.ts";

const { cluster } = useCluster({ real: true });
useProjectImages(cluster, ["agent", "claw"]);
const aStack = useTenantStacks({ kubernetes: () => new KubernetesProvider({}) });
const echo = manifestAdapter(
  readClawManifest(fileURLToPath(new URL("../../../adapters/claws/manifest/echo/claw-type.yaml", import.meta.url))),
);

const echoInfo = {
  instanceId: "ins_echo",
  name: "echo",
  tenant: "real",
  project: "default",
  instanceToken: "instance-token",
  spec: InstanceSpecSchema.parse({ type: "Echo" }),
};

const anEcho = (prefix: string, changes: Partial<ResolvedInstance> = {}): ResolvedInstance =>
  aResolvedInstance("echo", {
    type: "Echo",
    resources: { cpu: "200m", memory: "128Mi" },
    runtime: echo.injectRuntime(echo.parseConfig({ reply: { prefix } }, new Set()), echoInfo),
    ...changes,
  });

describe("an instance on a real node", () => {
  it("becomes ready, answers through its agent, reloads its config, stops, and leaves its volumes", { timeout: 360_000 }, async ({
    expect,
  }) => {
    const { api, kubeconfig } = cluster();
    // The API server listens where pods reach this machine.
    const hostAddress = /10\.99\.\d+\.1/.exec(kubeconfig)?.[0] ?? "";
    const plane = await TestControlPlane.start({ host: "0.0.0.0" });
    const namespace = "claw-real";
    onTestFinished(() => api.delete(`/api/v1/namespaces/${namespace}`));
    const target = KubernetesTargetSchema.parse({
      runtime: "kubernetes",
      cluster: "real",
      kubeconfig,
      namespace,
      agentUrl: `ws://${hostAddress}:${plane.port}/agent/v1`,
      images: { agent: projectImages.agent, claws: { Echo: projectImages.claw }, pullPolicy: "Never" },
      storageClass: await aStorageClass(api, "real-volumes", 1, { isReal: true }),
      networkPolicy: { enabled: true, controlPlaneCidrs: [`${hostAddress}/32`], allowedEgress: [] },
      quota: { instances: 1 },
    });
    const run = aStack({ tenant: "real", target });
    const pods = () => api.list(`/api/v1/namespaces/${namespace}/pods`);
    const reports = (what: string, is: (status: { phase: string; reason: string; restarts: number; specDigest: string }) => boolean) =>
      until(
        () => plane.frames.some((frame) => (frame.type === "status" || frame.type === "hello") && is(frame.status)),
        () => `${what}: ${JSON.stringify(plane.frames.slice(-3))}`,
        60_000,
      );
    const say = async (message: string) => {
      const chat = plane.open({ channel: "chat", message, session: "s" });
      await chat.ended();
      return chat.data
        .map((data) => JSON.parse(data))
        .map(({ text = "" }) => text)
        .join("");
    };

    expect((await run("up", [anEcho("one: ")])).failures).toEqual([]);
    await until(
      async () => (await pods())[0]?.status.containerStatuses?.[0]?.ready === true,
      () => "the pod is ready",
      120_000,
    );
    await reports("the agent says so", ({ phase }) => phase === "Ready");
    expect(await say("hello there")).toBe("one: hello there");
    const [first] = await pods();

    expect((await run("up", [anEcho("two: ")])).ops).toEqual({ "echo-boot": "update" });
    const clusters = createClusters();
    onTestFinished(() => clusters.close());
    await clusters.refreshPods({ kubeconfig }, namespace, ["ins_echo"]);
    await until(async () => (await say("x")) === "two: x", "the claw has taken over its config", 60_000);
    expect((await pods())[0].metadata.uid).toBe(first.metadata.uid);

    await run("up", [anEcho("two: ", { running: false })]);
    await reports("the agent says goodbye", ({ phase }) => phase === "Stopped");
    await until(async () => (await pods()).length === 0, "the pod is gone");
    await run("up", [anEcho("two: ")]);
    await until(async () => (await pods())[0]?.status.containerStatuses?.[0]?.ready === true, "the pod is ready again", 60_000);
    expect((await run("up", [], ["echo"])).failures).toEqual([]);
    await until(async () => (await pods()).length === 0, "the pod is gone", 60_000);
    expect(await api.list(`/api/v1/namespaces/${namespace}/persistentvolumeclaims`)).toHaveLength(2);
  });
});
