import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import type { ClusterConnection } from "../application/ports/clusters/clusters.ts";
import type { Runtimes } from "../application/ports/runtimes/runtime.ts";
import type { Transactions } from "../application/ports/transactions.ts";
import type { Cluster } from "../domain/clusters/cluster.ts";
import { type Loop, startLoop } from "./loop.ts";

const PERIOD_MS = 1_000;
/** How long after the death of a replica another takes its clusters. */
const TTL_SECONDS = 5;

/** What goes on for the clusters that this replica looks after. */
export interface ClusterPart {
  keep(clusters: readonly Cluster[]): void;
  stop(): Promise<unknown>;
}

/** Something that goes on for each cluster that it applies to and that its runtime connects to, and begins anew when that is written. */
export function forEachCluster(
  runtimes: Runtimes,
  applies: (cluster: Cluster) => boolean,
  start: (cluster: Cluster, connection: ClusterConnection) => { stop(): Promise<unknown> },
): ClusterPart {
  const running = new Map<string, { readonly version: number; readonly part: { stop(): Promise<unknown> } }>();
  const ending = new Set<Promise<unknown>>();
  return {
    keep(clusters) {
      const wanted = new Map<string, Cluster>(clusters.filter(applies).map((cluster) => [cluster.id, cluster]));
      for (const [id, { version, part }] of running) {
        if (wanted.get(id)?.resourceVersion !== version) {
          running.delete(id);
          const ended = part.stop().finally(() => ending.delete(ended));
          ending.add(ended);
        }
      }
      for (const [id, cluster] of wanted) {
        const connection = running.has(id) ? undefined : runtimes.at(cluster.name).connect(cluster);
        if (connection) {
          running.set(id, { version: cluster.resourceVersion, part: start(cluster, connection) });
        }
      }
    },
    stop: () => Promise.all([...ending, ...[...running.values()].map(({ part }) => part.stop())]),
  };
}

/** Looks after clusters: of all replicas one at a time does for each, and another takes over within seconds. */
export function startClusterKeeper(deps: {
  readonly transactions: Transactions;
  readonly parts: readonly ClusterPart[];
  readonly log: Logger;
}): Loop {
  const replica = randomUUID();
  let keptAt = performance.now();
  const keep = (clusters: readonly Cluster[]) => {
    for (const part of deps.parts) {
      part.keep(clusters);
    }
  };
  const loop = startLoop(
    "cluster-keeper",
    PERIOD_MS,
    async () => {
      try {
        const startedAt = performance.now();
        keep(await deps.transactions.platform((tx) => tx.clusters.keep(replica, TTL_SECONDS)));
        keptAt = startedAt;
      } catch (error) {
        if (performance.now() - keptAt > TTL_SECONDS * 1000) {
          keep([]);
        }
        throw error;
      }
      return false;
    },
    deps.log,
  );
  return {
    wake: loop.wake,
    async stop() {
      await loop.stop();
      await Promise.all(deps.parts.map((part) => part.stop()));
      await deps.transactions
        .platform((tx) => tx.clusters.leave(replica))
        .catch((err: unknown) => deps.log.warn({ err }, "its clusters are taken over when its time is up"));
    },
  };
}
