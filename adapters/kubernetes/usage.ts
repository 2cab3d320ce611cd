import type { Usage } from "../../sdk/contract/index.ts";
import { parseQuantity } from "../../sdk/contract/index.ts";
import type { ApiClient } from "./client/api-client.ts";
import { ApiError } from "./client/api-errors.ts";
import { MANAGED, UID_LABEL } from "./observe.ts";

const PODS = "/apis/metrics.k8s.io/v1beta1/pods";

interface PodMetricsList {
  readonly items: readonly {
    readonly metadata: { readonly labels?: Readonly<Record<string, string>> };
    readonly timestamp: string;
    readonly containers: readonly { readonly name: string; readonly usage: { readonly cpu: string; readonly memory: string } }[];
  }[];
}

/** What the claws of all instances take, by the cluster's server of metrics; nothing where there is none. The agents are not counted. */
export async function readUsage(api: ApiClient): Promise<readonly (Usage & { readonly uid: string })[]> {
  const list = (await api.request({ path: PODS, query: { labelSelector: `${MANAGED},${UID_LABEL}` } }).catch((error: unknown) => {
    if (error instanceof ApiError && (error.isNotFound || error.code === 503)) {
      return { items: [] };
    }
    throw error;
  })) as unknown as PodMetricsList;
  return list.items.flatMap(({ metadata, timestamp, containers }) => {
    const uid = metadata.labels?.[UID_LABEL];
    const claw = containers.find(({ name }) => name === "claw");
    return uid === undefined || !claw
      ? []
      : [
          {
            uid,
            cpu: cores(claw.usage.cpu),
            memoryBytes: Math.round(parseQuantity(claw.usage.memory)),
            time: new Date(timestamp).toISOString(),
          },
        ];
  });
}

/** Metrics come in billionths of a core; nobody writes a specification so. */
function cores(quantity: string): number {
  const small = /^(\d+)([nu])$/.exec(quantity);
  return small ? Number(small[1]) / (small[2] === "n" ? 1e9 : 1e6) : parseQuantity(quantity);
}
