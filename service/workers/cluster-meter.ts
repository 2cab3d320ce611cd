import type { Logger } from "pino";
import { UsageSchema } from "../../sdk/contract/index.ts";
import type { Runtimes } from "../application/ports/runtimes/runtime.ts";
import { type ClusterPart, forEachCluster } from "./cluster-keeper.ts";
import { startLoop } from "./loop.ts";
import type { UsageRecorder } from "./usage-recorder.ts";

/** No server of metrics has news of its pods more often than every 15 seconds. */
const PERIOD_MS = 30_000;

export interface ClusterMeterDependencies {
  readonly runtimes: Runtimes;
  readonly note: UsageRecorder["note"];
  readonly log: Logger;
}

/** Asks each cluster what its instances take, with one request for all of them. */
export function createClusterMeter({ runtimes, note, log }: ClusterMeterDependencies): ClusterPart {
  return forEachCluster(
    runtimes,
    ({ state }) => state.reachable === true,
    (cluster) =>
      startLoop(
        "cluster-meter",
        PERIOD_MS,
        async () => {
          try {
            const samples = await runtimes.at(cluster.name).usage(cluster);
            note(samples.filter((sample) => UsageSchema.safeParse(sample).success));
          } catch (err) {
            log.debug({ err, cluster: cluster.name }, "a cluster did not say what its pods take; it is asked again");
          }
          return false;
        },
        log,
      ),
  );
}
