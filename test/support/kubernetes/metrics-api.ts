import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { until } from "../agent/harness.ts";
import type { TestCluster } from "./use-cluster.ts";

const GROUP = "metrics.k8s.io";
const SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices";
const name = `v1beta1.${GROUP}`;

export interface PodMetrics {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels: Readonly<Record<string, string>> };
  readonly containers: readonly { readonly name: string; readonly usage: { readonly cpu: string; readonly memory: string } }[];
}

/**
 * Has the cluster serve metrics of pods for one test, by its aggregation layer as of a server of metrics: emulated nodes measure nothing.
 * @returns undefined where the cluster is none of the test's own making @param pods who are asked for, by the label selector that was sent
 */
export async function serveMetrics({ api, kubeconfigPath }: TestCluster, pods: (labelSelector: string) => readonly PodMetrics[]) {
  const pki = join(dirname(kubeconfigPath), "pki");
  if (!existsSync(pki)) {
    return undefined;
  }
  const server = createServer(
    { cert: readFileSync(join(pki, "apiserver.crt")), key: readFileSync(join(pki, "apiserver.key")) },
    (request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? "/", "https://localhost");
      response.setHeader("content-type", "application/json");
      const resources = [{ name: "pods", kind: "PodMetrics", namespaced: true, verbs: ["get", "list"] }];
      const answer = pathname.endsWith("/pods")
        ? {
            kind: "PodMetricsList",
            apiVersion: `${GROUP}/v1beta1`,
            metadata: {},
            items: pods(searchParams.get("labelSelector") ?? "").map((item) => ({
              ...item,
              timestamp: new Date().toISOString().replace(/\.\d+/, ""),
              window: "15s",
            })),
          }
        : { kind: "APIResourceList", apiVersion: "v1", groupVersion: `${GROUP}/v1beta1`, resources };
      response.end(JSON.stringify(answer));
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const service = "/api/v1/namespaces/kube-system/services";
  onTestFinished(async () => {
    await api.delete(`${SERVICES}/${name}`);
    await api.delete(`${service}/metrics`);
    server.close();
    server.closeAllConnections();
  });
  await api.create(service, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "metrics" },
    spec: { type: "ExternalName", externalName: "127.0.0.1", ports: [{ port, protocol: "TCP" }] },
  });
  await api.create(SERVICES, {
    apiVersion: "apiregistration.k8s.io/v1",
    kind: "APIService",
    metadata: { name },
    spec: {
      group: GROUP,
      version: "v1beta1",
      groupPriorityMinimum: 100,
      versionPriority: 100,
      insecureSkipTLSVerify: true,
      service: { name: "metrics", namespace: "kube-system", port },
    },
  });
  await until(async () => (await api.send("GET", `/apis/${GROUP}/v1beta1/pods`)).status === 200, "metrics are served");
  return server;
}
