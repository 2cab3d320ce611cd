import type { Logger } from "pino";
import { type InstanceId, type Usage, UsageSchema } from "../../sdk/contract/index.ts";
import type { Clusters } from "../application/ports/clusters/clusters.ts";
import type { SecretCipher } from "../application/ports/secrets/secret-cipher.ts";
import type { Transactions } from "../application/ports/transactions.ts";
import { kubernetesAccess } from "../application/runtimes/kubernetes/kubernetes-target.ts";
import { type ClusterPart, forEachCluster } from "./cluster-keeper.ts";
import { type Loop, startLoop } from "./loop.ts";

/** How often samples are written, all that came in one statement. */
const FLUSH_MS = 5_000;
/** How often a cluster is asked for those of its pods: no server of metrics has them more often than every 15 seconds. */
const PERIOD_MS = 30_000;

export interface UsageRecorderDependencies {
  readonly transactions: Transactions;
  readonly clusters: Pick<Clusters, "usage">;
  readonly cipher: SecretCipher;
  readonly log: Logger;
}

export interface UsageRecorder extends Loop {
  /** Takes what an agent measured. */
  note(instance: InstanceId, usage: Usage): void;
  /** Asks the clusters that this replica looks after. */
  readonly part: ClusterPart;
}

/**
 * Keeps the newest sample of what each instance takes: agents send theirs, clusters with a server of metrics are asked with one request
 * for all of their pods. A sample is no change: nothing is published, and no version moves.
 */
export function startUsageRecorder({ transactions, clusters, cipher, log }: UsageRecorderDependencies): UsageRecorder {
  const samples = new Map<InstanceId, Usage>();
  const part = forEachCluster(
    ({ state }) => state.reachable === true,
    (cluster) =>
      startLoop(
        "cluster-usage",
        PERIOD_MS,
        async () => {
          try {
            for (const { uid, ...usage } of await clusters.usage(kubernetesAccess(cluster, cipher))) {
              if (UsageSchema.safeParse(usage).success) {
                samples.set(uid as InstanceId, usage);
              }
            }
          } catch (err) {
            log.debug({ err, cluster: cluster.name }, "a cluster did not say what its pods take; it is asked again");
          }
          return false;
        },
        log,
      ),
  );
  const record = async (batch: readonly (Usage & { readonly instance: InstanceId })[]): Promise<void> => {
    try {
      await transactions.platform((tx) => tx.work.recordUsage(batch));
    } catch (err) {
      const [first] = batch;
      if (batch.length === 1 && first) {
        log.warn({ err, instance: first.instance }, "a sample was not written");
        return;
      }
      // What is wrong with one instance's must not cost the others theirs.
      for (const sample of batch) {
        await record([sample]);
      }
    }
  };
  const loop = startLoop(
    "usage-recorder",
    FLUSH_MS,
    async () => {
      const batch = [...samples].map(([instance, usage]) => ({ instance, ...usage }));
      samples.clear();
      if (batch.length > 0) {
        await record(batch);
      }
      return false;
    },
    log,
  );
  return {
    ...loop,
    part, // By this clock: an agent's own may be anything.
    note: (instance, usage) => void samples.set(instance, { ...usage, time: new Date().toISOString() }),
  };
}
