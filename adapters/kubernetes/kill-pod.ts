import type { ApiClient } from "./client/api-client.ts";
import { orGone } from "./client/api-errors.ts";
import { listAt, MANAGER, textAt } from "./client/objects.ts";

/**
 * Ends a pod at once, and for good: its StatefulSet is scaled to nothing first, for it would make another one, which has to be stopped in
 * order.
 */
export async function killPod(client: ApiClient, namespace: string, name: string): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
  const pod = await orGone(client.request({ path }));
  const owner = listAt(pod, "metadata", "ownerReferences").find((reference) => textAt(reference, "kind") === "StatefulSet");
  if (owner) {
    const scaling = client.request({
      method: "PATCH",
      path: `/apis/apps/v1/namespaces/${namespace}/statefulsets/${textAt(owner, "name")}`,
      query: MANAGER,
      contentType: "application/merge-patch+json",
      body: { spec: { replicas: 0 } },
    });
    await orGone(scaling);
  }
  const uid = textAt(pod, "metadata", "uid");
  if (uid !== "") {
    await orGone(client.request({ method: "DELETE", path, body: { gracePeriodSeconds: 0, preconditions: { uid } } }));
  }
}
