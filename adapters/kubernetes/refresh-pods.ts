import type { ApiClient } from "./client/api-client.ts";
import { listAt, MANAGER, textAt } from "./client/objects.ts";

/**
 * Has kubelets look at the pods of some instances at once. A kubelet takes a changed secret to a pod's volume when it next looks at that
 * pod, which it does within about a minute, and whenever the pod itself has changed.
 */
export async function refreshPods(client: ApiClient, namespace: string, uids: readonly string[]): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const pods = await client.request({ path, query: { labelSelector: `clusterclaw.io/instance-uid in (${uids.join(",")})` } });
  const annotations = { "clusterclaw.io/refreshed-at": new Date().toISOString() };
  await Promise.all(
    listAt(pods, "items").map((pod) =>
      client.request({
        method: "PATCH",
        path: `${path}/${textAt(pod, "metadata", "name")}`,
        query: MANAGER,
        contentType: "application/merge-patch+json",
        body: { metadata: { annotations } },
      }),
    ),
  );
}
