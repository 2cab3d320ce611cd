import { ClusterError } from "../../../service/application/ports/clusters/clusters.ts";
import type { KubernetesRuntimeDependencies } from "../../../service/application/runtimes/kubernetes/kubernetes-runtime.ts";

const noPod = (): never => {
  throw new ClusterError("NotFound", "there is no such pod");
};

/** URNs of resources from which nobody takes what others added, as long as a test says so. */
export const stubborn = new Set<string>();

const cleaned = new Set<string>();

/** URNs of resources from which what others added was taken out. */
export const takenOut = (): readonly string[] => [...cleaned];

/** Clusters that do what they are asked to, and have no pods to talk to. Nobody looks after them: a test says what is seen of them. */
export const playedClusters: KubernetesRuntimeDependencies["clusters"] = {
  connect() {
    throw new ClusterError("ConnectionRefused", "nothing is behind this cluster");
  },
  refreshPods: async () => {},
  cleanUp: async () => [],
  async removeAdditions(_target, { urn }) {
    if (stubborn.has(urn)) {
      throw new ClusterError("Conflict", "somebody else has written it since");
    }
    cleaned.add(urn);
  },
  logs: noPod,
  exec: async () => noPod(),
  kill: async () => noPod(),
};
