import { type ClusterInput, ClusterInputSchema, newId } from "../../../sdk/contract/index.ts";
import { type Cluster, unknownState } from "../../../service/domain/clusters/cluster.ts";
import { uniqueName } from "./tenancy.ts";

const CREATED = "2026-01-01T00:00:00.000Z";

/** A cluster that was just registered, with what the test cares about on top. */
export function aCluster(
  over: Partial<Omit<Cluster, "spec" | "state">> & { spec?: Partial<Cluster["spec"]>; state?: Partial<Cluster["state"]> } = {},
): Cluster {
  const name = over.name ?? uniqueName("cluster");
  const { spec } = aClusterManifest(name);
  return {
    id: newId("cls"),
    name,
    labels: {},
    annotations: {},
    generation: 1,
    resourceVersion: 1,
    createdAt: CREATED,
    updatedAt: CREATED,
    ...over,
    spec: { ...spec, credentials: { source: "inCluster" }, ...over.spec },
    state: { ...unknownState, ...over.state },
  };
}

/** A manifest; nobody answers at its address. */
export function aClusterManifest(name: string, spec: object = {}, metadata: object = {}): ClusterInput {
  return ClusterInputSchema.parse({
    apiVersion: "clusterclaw.io/v1",
    kind: "Cluster",
    metadata: { name, ...metadata },
    spec: {
      credentials: { source: "kubeconfig", kubeconfig: aKubeconfig("https://127.0.0.1:1") },
      agentUrl: "ws://control-plane.example:8787/agent/v1",
      images: { agent: "claw-agent:1", claws: { Echo: "claw-echo:1" } },
      ...spec,
    },
  });
}

/** A kubeconfig with a token. */
export function aKubeconfig(server: string, token = "hunter2-hunter2"): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "main",
    // The client speaks plain HTTP only when told that it is meant.
    clusters: [{ name: "main", cluster: { server, ...(server.startsWith("http:") && { "insecure-skip-tls-verify": true }) } }],
    users: [{ name: "main", user: { token } }],
    contexts: [{ name: "main", context: { cluster: "main", user: "main" } }],
  });
}
