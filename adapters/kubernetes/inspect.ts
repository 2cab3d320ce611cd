import { parseQuantity, QUANTITY_MAX } from "../../sdk/contract/index.ts";
import type { ClusterFacts } from "../../service/application/ports/clusters/clusters.ts";
import type { ApiClient } from "./client/api-client.ts";
import { textAt } from "./client/objects.ts";

const TIMEOUT_MS = 5_000;

interface NodeList {
  readonly items: readonly {
    readonly spec: { readonly unschedulable?: boolean };
    readonly status: {
      readonly allocatable?: Readonly<Record<string, string>>;
      readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    };
  }[];
}

/** Asks a cluster for its version and what its nodes offer. @throws {ApiError}, {UnreachableError} */
export async function inspect(api: ApiClient): Promise<ClusterFacts> {
  const get = (path: string) => api.request({ path, timeoutMs: TIMEOUT_MS, apart: true });
  const [version, list] = await Promise.all([get("/version"), get("/api/v1/nodes")]);
  const nodes = list as unknown as NodeList;
  const usable = nodes.items.filter(
    ({ spec, status }) => !spec.unschedulable && status.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True"),
  );
  const offered = ({ status }: (typeof usable)[number], resource: string) =>
    Math.min(parseQuantity(status.allocatable?.[resource] ?? "0"), QUANTITY_MAX);
  const sum = (resource: string) => usable.reduce((total, node) => total + offered(node, resource), 0);
  return {
    version: textAt(version, "gitVersion"),
    nodes: nodes.items.length,
    allocatable: { instances: sum("pods"), cpu: sum("cpu"), memoryBytes: sum("memory") },
  };
}
