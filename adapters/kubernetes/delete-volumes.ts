import type { ApiClient } from "./api-client.ts";
import { orGone } from "./api-errors.ts";
import { listAt, textAt } from "./objects.ts";

/** Deletes the volume claims of an instance, whether its stack knows of them still or left them. */
export async function deleteVolumes(client: ApiClient, namespace: string, uid: string): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/persistentvolumeclaims`;
  const claims = await client.request({ path, query: { labelSelector: `clusterclaw.io/instance-uid=${uid}` } });
  await Promise.all(
    listAt(claims, "items").map((claim) =>
      orGone(client.request({ method: "DELETE", path: `${path}/${textAt(claim, "metadata", "name")}` })),
    ),
  );
}
