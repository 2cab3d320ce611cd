import { until } from "../agent/harness.ts";
import type { ApiClient } from "./api-client.ts";

// The API server decides by what it has heard of its own objects, which is a moment after they were written.

/** A quota `none` without room for any pod. */
export async function refusePods(api: ApiClient, namespace: string): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}`;
  const quota = { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "none" }, spec: { hard: { pods: "0" } } };
  await api.create(`${path}/resourcequotas`, quota);
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "none" }, spec: { containers: [{ name: "main", image: "example" }] } };
  await until(async () => {
    const { body } = await api.send("POST", `${path}/pods?dryRun=All`, pod);
    return String(body.message).includes("exceeded quota");
  }, "the quota is in force");
}

/** Waits until a service account's rights let it look at nodes, which is what the control plane asks a cluster first. */
export async function mayListNodes(api: ApiClient, namespace: string, account: string): Promise<void> {
  const review = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SubjectAccessReview",
    spec: { user: `system:serviceaccount:${namespace}:${account}`, resourceAttributes: { verb: "list", resource: "nodes" } },
  };
  await until(async () => {
    const { status } = await api.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", review);
    return status.allowed;
  }, "its rights are in force");
}
