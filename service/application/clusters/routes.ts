import type { Cluster } from "../../domain/clusters/cluster.ts";
import type { ApplicationDependencies } from "../dependencies.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import type { ResourceKind } from "../resources/kind.ts";
import { resourceRoutes } from "../resources/resource-routes.ts";
import type { RouteHandlers } from "../resources/route-handlers.ts";
import { drainCluster } from "./drain-cluster.ts";
import { presentLeftover } from "./present-leftover.ts";

type ClusterRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `clusters.${string}` | `leftovers.${string}`>>;

export function clusterRoutes(kind: ResourceKind<"Cluster", Cluster>, deps: ApplicationDependencies): ClusterRoutes {
  const own = resourceRoutes(kind, deps);
  return {
    "clusters.list": own.list,
    "clusters.get": own.get,
    "clusters.create": own.create,
    "clusters.replace": own.replace,
    "clusters.delete": async (ctx, input) => own.remove(ctx, input, { forget: input.query.forget ?? false }),
    "leftovers.list": async (_ctx, { query }) => {
      const { items, ...rest } = await deps.transactions.platform((tx) => tx.leftovers.list(query));
      return { ...rest, items: items.map((leftover) => presentLeftover(leftover, deps.sweepSeconds)) };
    },
    "clusters.drain": async (ctx, { params, query }) => {
      const { name } = await kind.get(ctx, deps.transactions, params.id);
      const now = deps.clock().toISOString();
      const drain = async (tx: PlatformTransaction) => {
        const drained = await drainCluster(tx, name, { actor: ctx.actor, now, discardData: query.discardData ?? false }, deps);
        ctx.assertAnswerable?.(drained);
        return drained;
      };
      if (query.dryRun) {
        return deps.transactions.dryRun(drain);
      }
      const done = await deps.transactions.platform(drain);
      deps.wake();
      return done;
    },
  };
}
