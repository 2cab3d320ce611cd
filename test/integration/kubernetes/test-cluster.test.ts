import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { describe, it } from "vitest";
import { until } from "../../support/agent/harness.ts";
import { whyNoCluster } from "../../support/kubernetes/binaries.ts";
import { startCluster } from "../../support/kubernetes/cluster.ts";
import { useCluster } from "../../support/kubernetes/use-cluster.ts";

const pod = (name: string, annotations: Record<string, string> = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, annotations },
  spec: { containers: [{ name: "main", image: "example" }] },
});

describe("the cluster that tests share", () => {
  const { cluster, aNamespace } = useCluster();

  it("makes pods ready on emulated nodes, unless a pod is told to wait", async ({ expect }) => {
    const { api } = cluster();
    const pods = `/api/v1/namespaces/${await aNamespace()}/pods`;
    await api.create(pods, pod("quick"));
    await api.create(pods, pod("stuck", { "test.clusterclaw.io/waiting": "ImagePullBackOff" }));
    await until(async () => (await api.get(`${pods}/quick`)).status.phase === "Running", "the pod runs");
    await until(async () => (await api.get(`${pods}/stuck`)).status.containerStatuses, "the pod waits");
    const { status } = await api.get(`${pods}/stuck`);
    expect(status.containerStatuses[0].state.waiting.reason).toBe("ImagePullBackOff");
  });
});

describe("startCluster", () => {
  it("runs beside others and leaves nothing behind", { timeout: 180_000 }, async ({ expect, skip }) => {
    const reason = whyNoCluster();
    skip(reason !== undefined, reason);
    const [one, other] = await Promise.all([startCluster({ nodes: 1 }), startCluster({ nodes: 1 })]);
    try {
      await one.api.create("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: "mine" } });
      expect(await other.api.get("/api/v1/namespaces/mine")).toBeUndefined();
      expect(other.kubeconfig).not.toBe(one.kubeconfig);
    } finally {
      await Promise.all([one.stop(), other.stop()]);
    }
    expect(existsSync(dirname(one.kubeconfigPath))).toBe(false);
    await expect(one.api.send("GET", "/readyz")).rejects.toThrow(/ECONNREFUSED/);
  });
});
