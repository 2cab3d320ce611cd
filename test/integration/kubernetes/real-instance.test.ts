import { describe, it, onTestFinished } from "vitest";
import { aClusterManifest } from "../../support/builders/cluster.ts";
import { anEcho, aTenant } from "../../support/builders/manifests.ts";
import { projectImages, useProjectImages } from "../../support/kubernetes/project-images.ts";
import { useCluster } from "../../support/kubernetes/use-cluster.ts";
import { aStorageClass } from "../../support/kubernetes/volumes.ts";
import { eventually, startTestService } from "../../support/service.ts";

const { cluster } = useCluster({ real: true });
useProjectImages(cluster, ["agent", "claw"]);

describe("an instance in a real pod, through the control plane", () => {
  it("takes over a changed setting while it runs, shows its logs, gives a terminal, is killed, and goes with its data", {
    timeout: 300_000,
  }, async ({ expect }) => {
    const { api, kubeconfig } = cluster();
    // The API server listens where pods reach this machine.
    const host = new URL(JSON.parse(kubeconfig).clusters[0].cluster.server).hostname;
    const service = await startTestService({ CLAW_HOST: host });
    onTestFinished(() => service.stop());
    const tenant = `real-${process.pid}`;
    const settings = {
      credentials: { source: "kubeconfig", kubeconfig },
      agentUrl: `${service.url.replace(/^http/, "ws")}/agent/v1`,
      images: { agent: projectImages.agent, claws: { Echo: projectImages.claw }, pullPolicy: "Never" },
      storageClass: await aStorageClass(api, tenant, 2, { isReal: true }),
      networkPolicy: { controlPlaneCidrs: [`${host}/32`] },
    };
    await service.claw().clusters.create(aClusterManifest("real", settings));
    await service.claw().tenants.create(aTenant(tenant, { placement: { cluster: "real" } }));
    onTestFinished(() => api.delete(`/api/v1/namespaces/claw-${tenant}`));
    const claw = service.claw(tenant);
    const saying = (prefix: string) => anEcho("echo", { config: { overrides: [{ key: "reply.prefix", value: prefix }] } });
    const say = async (message: string) => {
      const chat = await claw.instances.chat("echo");
      let answer = "";
      for await (const event of chat.send(message)) {
        answer += event.type === "delta" ? event.text : "";
      }
      chat.close();
      return answer;
    };
    const pod = () => api.get(`/api/v1/namespaces/claw-${tenant}/pods/echo-0`);

    await claw.instances.create(saying("one: "));
    await eventually(
      () => claw.instances.get("echo"),
      ({ status }) =>
        status.phase === "Running" && status.conditions.some(({ type, status: is }) => type === "AgentConnected" && is === "True"),
      120_000,
    );
    expect(await say("hello there")).toBe("one: hello there");
    const { uid } = (await pod()).metadata;

    // A kubelet by itself looks at a pod's secrets about once a minute: its agent is handed them.
    await claw.instances.replace("echo", saying("two: "));
    await eventually(
      () => say("hello again"),
      (answer) => answer === "two: hello again",
      60_000,
    );
    // The stack follows what its agent was handed, in the same pod.
    await eventually(
      () => claw.instances.get("echo"),
      ({ status, metadata }) => status.observedGeneration === metadata.generation,
      60_000,
    );
    expect((await pod()).metadata.uid).toBe(uid);

    // The claw may say something between the two.
    await eventually(
      async () => {
        const inPod = await api.send("GET", `/api/v1/namespaces/claw-${tenant}/pods/echo-0/log?container=claw`);
        return { inPod: String(inPod.body).trim(), shown: (await claw.instances.logs("echo", { tailLines: 100 })).lines.join("\n") };
      },
      ({ inPod, shown }) => inPod !== "" && shown === inPod,
    );

    const terminal = await claw.instances.terminal("echo", { cols: 80, rows: 24 });
    terminal.send(Buffer.from("echo pod: $HOSTNAME, sum: $((6 * 7))\n"));
    let text = "";
    for await (const data of terminal) {
      text += Buffer.from(data).toString();
      if (text.includes("sum: 42")) {
        break;
      }
    }
    terminal.close();
    expect(text).toContain("pod: echo-0, sum: 42");

    await claw.instances.kill("echo");
    await eventually(
      () => claw.instances.get("echo"),
      ({ status, spec }) => status.phase === "Stopped" && !spec.running,
      60_000,
    );
    expect(await pod()).toBeUndefined();

    // Once more, while the agent has hardly begun: in its container it is the process that the kernel spares signals it doesn't handle.
    await claw.instances.start("echo");
    await eventually(pod, (found) => found?.status.initContainerStatuses?.[0]?.state.running !== undefined, 120_000);
    await claw.instances.stop("echo");
    await eventually(
      () => claw.instances.get("echo"),
      ({ status }) => status.phase === "Stopped",
      120_000,
    );

    // It is gone when its pod has ended, and its data with it if they are to go: its name is free for another.
    const isRunning = () =>
      eventually(
        () => claw.instances.get("echo"),
        ({ status }) => status.phase === "Running",
        120_000,
      );
    const destroyed = async (purgeData: boolean) => {
      await claw.instances.delete("echo", { purgeData });
      await eventually(
        () => claw.instances.get("echo").catch(() => undefined),
        (instance) => instance === undefined,
        120_000,
      );
      expect(await pod()).toBeUndefined();
    };
    await claw.instances.start("echo");
    await isRunning();
    await destroyed(false);
    await claw.instances.create(saying("three: "));
    await isRunning();
    await destroyed(true);
    const claims = await api.list(`/api/v1/namespaces/claw-${tenant}/persistentvolumeclaims`);
    expect(new Set(claims.map(({ metadata }) => metadata.labels["clusterclaw.io/instance-uid"])).size).toBe(1);
  });
});
