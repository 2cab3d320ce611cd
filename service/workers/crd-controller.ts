import type { Logger } from "pino";
import { createCarrier } from "../application/carry-resource.ts";
import type { ApplicationDependencies } from "../application/dependencies.ts";
import type { Clusters } from "../application/ports/clusters.ts";
import type { CustomResource } from "../application/ports/custom-resources.ts";
import { kubernetesAccess } from "../application/stack-target.ts";
import { type ClusterPart, forEachCluster } from "./cluster-keeper.ts";
import { startLoop } from "./loop.ts";

/** How often every custom resource is compared with the control plane's: what changes there is carried within it. */
const PERIOD_MS = 1_000;

/** Lets `kubectl` be a way in, on the clusters that say so: carries what is written there here, and what becomes of it back. */
export function createCrdController(deps: ApplicationDependencies & { readonly clusters: Clusters; readonly log: Logger }): ClusterPart {
  const carry = createCarrier(deps);
  return forEachCluster(
    ({ spec, state }) => spec.crds && state.reachable === true,
    (cluster) => {
      const remote = deps.clusters.customResources(kubernetesAccess(cluster, deps.cipher));
      const resources = new Map<string, CustomResource>();
      let stopped = false;
      const loop = startLoop(
        "crd-controller",
        PERIOD_MS,
        async () => {
          // Tenants before templates before instances, as they need one another.
          for (const [key] of inOrder(resources)) {
            // As it is by now: a turn may be long.
            const resource = resources.get(key);
            if (stopped || !resource) {
              continue;
            }
            await carry(cluster, resource, remote).catch((error: unknown) => {
              // Somebody else wrote it at the same time, or the cluster does not answer: it is seen again.
              deps.log.debug(
                { error, cluster: cluster.name, resource: resource.name },
                "a custom resource was not carried; it is tried again",
              );
            });
          }
          return false;
        },
        deps.log,
      );
      const followed = remote.follow((key, resource) => {
        if (resource) {
          resources.set(key, resource);
        } else {
          resources.delete(key);
        }
        loop.wake();
      });
      return {
        async stop() {
          stopped = true;
          followed.stop();
          await loop.stop();
        },
      };
    },
  );
}

const ORDER = ["Tenant", "ConfigTemplate", "ClawInstance"];

function inOrder(resources: ReadonlyMap<string, CustomResource>): [key: string, resource: CustomResource][] {
  return [...resources].sort(([, a], [, b]) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
}
