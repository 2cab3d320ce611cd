import { describe, it } from "vitest";
import { createClusters } from "../../../adapters/kubernetes/clusters.ts";
import { anEcho } from "../../support/builders/manifests.ts";
import { useFleets } from "../../support/kubernetes/fleet.ts";
import { type PodMetrics, serveMetrics } from "../../support/kubernetes/metrics-api.ts";
import { useCluster } from "../../support/kubernetes/use-cluster.ts";
import { eventually } from "../../support/service.ts";

const { cluster } = useCluster();
const { aFleet } = useFleets();

describe("what a claw takes of its cluster", () => {
  it("is unknown without a server of metrics, and with one asked for once for all pods", { timeout: 240_000 }, async ({
    expect,
    skip,
    onTestFinished,
  }) => {
    const clusters = createClusters();
    onTestFinished(() => clusters.close());
    expect(await clusters.connect(cluster()).usage()).toEqual([]);

    const { claw, running, namespace, unwatched } = await aFleet("measured", 1);
    await claw.instances.create(anEcho("web"));
    const { metadata, status } = await running("web");
    expect(status.usage).toBeUndefined();
    const selectors = new Set<string>();
    const of = (uid: string): PodMetrics => ({
      metadata: { name: "web-0", namespace, labels: { "clusterclaw.io/instance-uid": uid } },
      containers: [
        { name: "agent", usage: { cpu: "2", memory: "1Gi" } },
        { name: "claw", usage: { cpu: "123456789n", memory: "87040Ki" } },
      ],
    });
    const server = await serveMetrics(cluster(), (selector) => {
      selectors.add(selector);
      return [of(metadata.uid), of("ins_nobodys")];
    });
    skip(!server, "the cluster has an API server of its own");
    // A control plane asks when it begins, and then twice a minute.
    await unwatched(async () => {});
    const measured = await eventually(
      () => claw.instances.get("web"),
      (instance) => instance.status.usage !== undefined,
      60_000,
    );
    expect(measured.status.usage).toMatchObject({ cpu: "124m", memory: "85Mi" });
    expect(measured.metadata).toEqual(metadata);
    expect([...selectors]).toContain("app.kubernetes.io/managed-by=clusterclaw,clusterclaw.io/instance-uid");
  });
});
