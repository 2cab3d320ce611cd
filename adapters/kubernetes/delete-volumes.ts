import type { ApiClient } from "./api-client.ts";
import { orGone } from "./api-errors.ts";
import { listAt, textAt } from "./objects.ts";

/** Deletes the volume claims of an instance, whether its stack knows of them still or left them. @returns those that a pod uses still */
export async function deleteVolumes(client: ApiClient, namespace: string, uid: string): Promise<string[]> {
  const path = `/api/v1/namespaces/${namespace}/persistentvolumeclaims`;
  const ours = async () => {
    const claims = await client.request({ path, query: { labelSelector: `clusterclaw.io/instance-uid=${uid}` } });
    return listAt(claims, "items").map((claim) => textAt(claim, "metadata", "name"));
  };
  await Promise.all((await ours()).map((name) => orGone(client.request({ method: "DELETE", path: `${path}/${name}` }))));
  return ours();
}
