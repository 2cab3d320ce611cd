import { SECRET_BYTES_MAX } from "../../sdk/contract/index.ts";
import type { ApiClient } from "./client/api-client.ts";
import { orGone } from "./client/api-errors.ts";
import { textAt } from "./client/objects.ts";
import { TENANT_LABEL } from "./observe.ts";

/** A key of a Secret that is somebody else's: what is ours there are claws' files and agents' tokens. */
export async function readSecret(client: ApiClient, namespace: string, name: string, key: string): Promise<string | undefined> {
  const path = `/api/v1/namespaces/${namespace}/secrets/${name}`;
  const secret = await orGone(client.request({ path }));
  const labels = secret && (secret["metadata"] as { labels?: Readonly<Record<string, string>> }).labels;
  const data = secret && labels?.[TENANT_LABEL] === undefined ? textAt(secret, "data", key) : "";
  const value = Buffer.from(data, "base64").toString("utf8");
  return value === "" || value.length > SECRET_BYTES_MAX ? undefined : value;
}
