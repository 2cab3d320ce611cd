import { describe, it } from "vitest";
import { createClusters } from "../../../adapters/kubernetes/clusters.ts";
import { anEcho } from "../../support/builders/manifests.ts";
import { useFleets } from "../../support/kubernetes/fleet.ts";
import { type PodMetrics, serveMetrics } from "../../support/kubernetes/metrics-api.ts";
import { useCluster } from "../../support/kubernetes/use-cluster.ts";
import { eventually } from "../../support/service.ts";

const { cluster, aNamespace } = useCluster();
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

describe("a Secret of somebody else in a cluster", () => {
  it("is read by its key; what is ours, or is not there, is as if there were none", async ({ expect, onTestFinished }) => {
    const clusters = createClusters();
    onTestFinished(() => clusters.close());
    const connection = clusters.connect(cluster());
    const namespace = await aNamespace();
    const secrets = `/api/v1/namespaces/${namespace}/secrets`;
    const stringData = { "api-key": "k-1" };
    await cluster().api.create(secrets, { metadata: { name: "theirs" }, stringData });
    await cluster().api.create(secrets, { metadata: { name: "ours", labels: { "clusterclaw.io/tenant": "acme" } }, stringData });
    expect(await connection.secret(namespace, "theirs", "api-key")).toBe("k-1");
    expect(await connection.secret(namespace, "theirs", "other")).toBeUndefined();
    expect(await connection.secret(namespace, "ours", "api-key")).toBeUndefined();
    expect(await connection.secret(namespace, "none", "api-key")).toBeUndefined();
  });
});
