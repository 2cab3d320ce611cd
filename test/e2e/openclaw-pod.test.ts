import { describe, it, onTestFinished } from "vitest";
import { startModelServer } from "../../service/quickstart/model-server.ts";
import { aClusterManifest } from "../support/builders/cluster.ts";
import { anInstance, aTenant } from "../support/builders/manifests.ts";
import { projectImages, useProjectImages } from "../support/kubernetes/project-images.ts";
import { useCluster } from "../support/kubernetes/use-cluster.ts";
import { aStorageClass } from "../support/kubernetes/volumes.ts";
import { startPrivateRegistry } from "../support/private-registry.ts";
import { eventually, startTestService } from "../support/service.ts";

const { cluster } = useCluster({ real: true });
useProjectImages(cluster, ["agent", "openClaw"]);

describe("a real OpenClaw in a pod", () => {
  it("brings its plugin, becomes ready from our image, and answers through the control plane", { timeout: 600_000 }, async ({ expect }) => {
    const { api, kubeconfig } = cluster();
    // The API server listens where pods reach this machine.
    const host = new URL(JSON.parse(kubeconfig).clusters[0].cluster.server).hostname;
    const model = await startModelServer({ host });
    onTestFinished(() => model.close());
    const service = await startTestService({ CLAW_HOST: host });
    onTestFinished(() => service.stop());
    const tenant = `openclaw-${process.pid}`;
    const platform = service.claw();
    const settings = {
      credentials: { source: "kubeconfig", kubeconfig },
      agentUrl: `${service.url.replace(/^http/, "ws")}/agent/v1`,
      images: { agent: projectImages.agent, claws: { OpenClaw: projectImages.openClaw }, pullPolicy: "Never" },
      storageClass: await aStorageClass(api, tenant, 1, { isReal: true }),
      networkPolicy: { controlPlaneCidrs: [`${host}/32`], allowedEgress: [`${host}/32`] },
    };
    await platform.clusters.create(aClusterManifest("real", settings));
    await platform.tenants.create(aTenant(tenant, { placement: { cluster: "real" } }));
    onTestFinished(() => api.delete(`/api/v1/namespaces/claw-${tenant}`));

    const claw = service.claw(tenant);
    const values = { "model.provider": "standin", "model.name": "standin-1", "model.baseUrl": model.url, "model.apiKey": "none-needed" };
    // The company's registry wants a token; whoever has no way to the channel's own servers tries all the same.
    const registry = await startPrivateRegistry("the-token-of-npm", { host });
    onTestFinished(() => registry.close());
    const plugin = {
      "channels.discord.token": "not-a-real-token",
      "environment.NPM_CONFIG_USERCONFIG": `registry=${registry.url}\n${registry.url.replace("http:", "")}:_authToken=\${NPM_TOKEN}`,
      "environment.NPM_CONFIG_REGISTRY": registry.url,
      "environment.NPM_TOKEN": "the-token-of-npm",
    };
    const overrides = Object.entries({ ...values, ...plugin }).map(([key, value]) => ({ key, value }));
    const resources = { cpu: "1500m", memory: "2Gi" };
    await claw.instances.create(anInstance("gateway", { type: "OpenClaw", resources, config: { overrides } }), { maxRetries: 5 });
    await eventually(
      () => claw.instances.get("gateway"),
      // Its agent may connect after the pod is ready.
      ({ status }) =>
        ["Ready", "AgentConnected"].every((wanted) => status.conditions.some(({ type, status: is }) => type === wanted && is === "True")),
      480_000,
    );
    await eventually(
      async () => JSON.stringify(await claw.instances.logs("gateway", { tailLines: 200 })),
      (text) => text.includes("[discord]") && text.includes("starting provider"),
      60_000,
    );
    expect(registry.refused()).toBe(0);
    const { status } = await claw.instances.get("gateway");
    expect(status.conditions).toContainEqual(
      expect.objectContaining({ type: "ChannelsReady", message: expect.stringContaining("discord") }),
    );
    const chat = await claw.instances.chat("gateway");
    let answer = "";
    for await (const event of chat.send("Hello")) {
      answer += event.type === "delta" ? event.text : "";
      expect(event.type).not.toBe("error");
    }
    chat.close();
    expect(answer).toContain('You said: "Hello"');
  });
});
