import { ClusterError } from "../../../service/application/ports/clusters/clusters.ts";
import type { KubernetesRuntimeDependencies } from "../../../service/application/runtimes/kubernetes/kubernetes-runtime.ts";

const noPod = (): never => {
  throw new ClusterError("NotFound", "there is no such pod");
};

/** Clusters that do what they are asked to, and have no pods to talk to. Nobody looks after them: a test says what is seen of them. */
export const playedClusters: KubernetesRuntimeDependencies["clusters"] = {
  connect() {
    throw new ClusterError("ConnectionRefused", "nothing is behind this cluster");
  },
  refreshPods: async () => {},
  cleanUp: async () => [],
  removeAdditions: async () => {},
  logs: noPod,
  exec: async () => noPod(),
  kill: async () => noPod(),
};
