import type { ApiClient } from "./client/api-client.ts";
import { orGone } from "./client/api-errors.ts";
import { listAt, textAt } from "./client/objects.ts";

/**
 * Deletes the volume claims of an instance that left its stack, if they are to go: whether its stack knew of them or not. Its StatefulSet
 * ends by itself, after its pod; a claim goes when no pod uses it any more.
 * @returns what is still there
 */
export async function cleanUp(client: ApiClient, namespace: string, uid: string, withVolumes: boolean): Promise<string[]> {
  const claimsPath = `/api/v1/namespaces/${namespace}/persistentvolumeclaims`;
  const namesAt = async (path: string) => {
    const list = await client.request({ path, query: { labelSelector: `clusterclaw.io/instance-uid=${uid}` } });
    return listAt(list, "items").map((object) => textAt(object, "metadata", "name"));
  };
  if (withVolumes) {
    const names = await namesAt(claimsPath);
    await Promise.all(names.map((name) => orGone(client.request({ method: "DELETE", path: `${claimsPath}/${name}` }))));
  }
  const workloads = await namesAt(`/apis/apps/v1/namespaces/${namespace}/statefulsets`);
  const claims = withVolumes ? await namesAt(claimsPath) : [];
  return [...workloads.map((name) => `StatefulSet ${name}`), ...claims.map((name) => `PersistentVolumeClaim ${name}`)];
}
