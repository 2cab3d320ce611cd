import type { Cluster } from "./cluster.ts";
import { mayListNodes } from "./in-force.ts";

const NAME = "control-plane";

/** A user of the cluster with all rights, so that the API server can tell its requests from those of others. @returns its kubeconfig */
export async function addServiceUser({ api, kubeconfig }: Cluster): Promise<string> {
  const accounts = "/api/v1/namespaces/default/serviceaccounts";
  await api.create(accounts, { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: NAME } });
  await api.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: NAME },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
    subjects: [{ kind: "ServiceAccount", namespace: "default", name: NAME }],
  });
  await mayListNodes(api, "default", NAME);
  const { status } = await api.create(`${accounts}/${NAME}/token`, {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: {},
  });
  const config = JSON.parse(kubeconfig);
  config.users[0].user = { token: status.token };
  return JSON.stringify(config);
}

/** Requests of that user that the API server has let through: its flow schema is that of service accounts, of which there are no others. */
export async function requestsOfUser({ api }: Cluster): Promise<number> {
  const metrics = String(await api.get("/metrics"));
  return [...metrics.matchAll(/^apiserver_flowcontrol_dispatched_requests_total\{[^}]*flow_schema="service-accounts"[^}]*\} (\S+)$/gm)]
    .map(([, count]) => Number(count))
    .reduce((sum, count) => sum + count, 0);
}
