import type { Logger } from "pino";
import type { Runtimes } from "../application/ports/runtimes/runtime.ts";
import type { Transactions } from "../application/ports/transactions.ts";
import { type Loop, startLoop } from "./loop.ts";

const PERIOD_MS = 5_000;
/** Whoever carried its custom resources may not know yet that it is deleted, and hold another. */
const UNAWARE_SECONDS = 30;
/** How long it is tried with one that does not answer: as long its credentials are kept. */
const TRYING_SECONDS = 3_600;
/** Clusters that are looked at in one turn. */
const BATCH = 50;

/** Lets go of the custom resources of clusters that were deleted, whoever dies meanwhile: else nobody could delete them there. */
export function startClusterParting(deps: {
  readonly transactions: Transactions;
  readonly runtimes: Runtimes;
  readonly log: Logger;
}): Loop {
  const { transactions, runtimes, log } = deps;
  const turn = async () => {
    const parted = await transactions.platform((tx) => tx.clusters.parted(BATCH));
    await Promise.all(
      parted.map(async ({ cluster, secondsAgo }) => {
        const where = { cluster: cluster.name };
        let isReleased = false;
        try {
          await runtimes.at(cluster.name).connect(cluster)?.customResources().release(cluster.id);
          isReleased = true;
        } catch (error) {
          log.debug({ error, ...where }, "custom resources of a deleted cluster were not let go of; it is tried again");
        }
        if (secondsAgo > (isReleased ? UNAWARE_SECONDS : TRYING_SECONDS)) {
          if (!isReleased && cluster.spec.crds) {
            log.warn(where, "custom resources may still have the control plane's finalizer, on a cluster that was deleted");
          }
          await transactions.platform((tx) => tx.clusters.forgetParted(cluster.id));
        }
      }),
    );
    return false;
  };
  return startLoop("cluster-parting", PERIOD_MS, turn, log);
}
