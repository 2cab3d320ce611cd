import type { Logger } from "pino";
import { writeRank } from "../../sdk/contract/index.ts";
import { type CarryDependencies, createCarrier } from "../application/custom-resources/carry-resource.ts";
import type { CustomResource, CustomResources } from "../application/ports/clusters/custom-resources.ts";
import { batchesOf } from "../domain/batches.ts";
import type { Cluster } from "../domain/clusters/cluster.ts";
import { type ClusterPart, forEachCluster } from "./cluster-keeper.ts";
import { type Loop, startLoop } from "./loop.ts";

/** How often it is asked what has changed in the control plane: that is carried within it. */
const PERIOD_MS = 1_000;
/** How often each custom resource is carried whatever is known to have changed, and the longest pause for one that is refused. */
const REST_MS = 30_000;
/** Custom resources that are asked about at a time. */
const BATCH = 500;

/** How a custom resource was left: with what version of the control plane's resource, and when it is tried again without any news. */
interface Left {
  readonly version: string | undefined;
  readonly pauseMs: number;
  readonly untilMs: number;
}

type CarrierDependencies = CarryDependencies & { readonly log: Logger };

/** Lets `kubectl` be a way in, on the clusters that say so: carries what is written there here, and what becomes of it back. */
export function createCustomResourceCarrier(deps: CarrierDependencies): ClusterPart {
  const carry = createCarrier(deps);
  return forEachCluster(
    deps.runtimes,
    ({ state }) => state.reachable === true,
    (cluster, connection) => {
      const remote = connection.customResources();
      if (!cluster.spec.crds) {
        return startReleasing(cluster, remote, deps);
      }
      const resources = new Map<string, CustomResource>();
      // By the resource as it was told of: one that has changed since is another object.
      const left = new WeakMap<CustomResource, Left>();
      let stopped = false;
      const loop = startLoop(
        "custom-resource-carrier",
        PERIOD_MS,
        async () => {
          // Those first that others need.
          for (const batch of batchesOf(inOrder(resources), BATCH)) {
            const keys = batch.map(([, resource]) => versionKey(resource));
            const versions = await deps.transactions.platform((tx) => tx.work.findVersions(keys));
            for (const [key] of batch) {
              // As it is by now: a turn may be long.
              const resource = resources.get(key);
              if (stopped || !resource) {
                continue;
              }
              const version = versions.get(versionKey(resource));
              const last = left.get(resource);
              const hasNews = last?.version !== version || !last;
              if (!hasNews && performance.now() < last.untilMs) {
                continue;
              }
              try {
                const again = await carry(cluster, resource, remote);
                const pauseMs = again ? Math.min(hasNews ? PERIOD_MS : 2 * last.pauseMs, REST_MS) : REST_MS;
                left.set(resource, { version, pauseMs, untilMs: performance.now() + pauseMs });
              } catch (error) {
                // Somebody else wrote it at the same time, or the cluster does not answer: it is seen again.
                deps.log.debug(
                  { error, cluster: cluster.name, resource: resource.name },
                  "a custom resource was not carried; it is tried again",
                );
              }
            }
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

/** On a cluster that counts no more, nobody's resources wait for us. */
function startReleasing(cluster: Cluster, remote: CustomResources, deps: CarrierDependencies): Pick<Loop, "stop"> {
  let released = false;
  return startLoop(
    "custom-resource-release",
    REST_MS,
    async () => {
      try {
        await (released || remote.release(cluster.id));
        released = true;
      } catch (error) {
        // Somebody else wrote one at the same time; or it has none of ours, and its role does not let us look.
        deps.log.debug({ error, cluster: cluster.name }, "custom resources were not let go of; it is tried again");
      }
      return false;
    },
    deps.log,
  );
}

function versionKey({ kind, namespace = "", name }: CustomResource): string {
  return `${kind}/${namespace}/${name}`;
}

function inOrder(resources: ReadonlyMap<string, CustomResource>): [key: string, resource: CustomResource][] {
  return [...resources].sort(([, a], [, b]) => writeRank(a.kind) - writeRank(b.kind));
}
