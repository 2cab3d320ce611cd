import type { Cluster } from "../../domain/clusters/cluster.ts";
import { SHARED_TENANT } from "../../domain/tenancy/tenant.ts";
import type { ApplicationDependencies } from "../dependencies.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import { presentCluster } from "../present.ts";
import { applied, assertSameName, writeOrPreview } from "../resources/requests.ts";
import type { RouteHandlers } from "../resources/route-handlers.ts";
import type { Written } from "../resources/write-context.ts";
import { drainCluster } from "./drain-cluster.ts";
import { presentLeftover } from "./present-leftover.ts";

type ClusterRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `clusters.${string}` | `leftovers.${string}`>>;

export function clusterRoutes(deps: ApplicationDependencies): ClusterRoutes {
  const find = (ref: string) => deps.transactions.platform((tx) => tx.clusters.get(ref));
  const presentOne = async (tx: PlatformTransaction, cluster: Cluster) =>
    presentCluster(cluster, (await tx.clusters.allocated()).get(cluster.name));
  const presentWritten = ({ after }: Written, tx: PlatformTransaction) => presentOne(tx, after as Cluster);

  return {
    "clusters.list": (_ctx, { query }) =>
      deps.transactions.platform(async (tx) => {
        const page = await tx.clusters.list(query);
        const allocated = await tx.clusters.allocated();
        return { ...page, items: page.items.map((cluster) => presentCluster(cluster, allocated.get(cluster.name))) };
      }),
    "clusters.create": (ctx, { body, query }) => writeOrPreview(ctx, query, applied(ctx, body, { expect: "absent" }), deps, presentWritten),
    "clusters.get": (_ctx, { params }) => deps.transactions.platform(async (tx) => presentOne(tx, await tx.clusters.get(params.id))),
    "clusters.replace": async (ctx, { params, body, query }) => {
      assertSameName(body, await find(params.id));
      return writeOrPreview(ctx, query, applied(ctx, body, { expect: "present" }), deps, presentWritten);
    },
    "clusters.delete": async (ctx, { params, query }) => {
      const { name } = await find(params.id);
      return writeOrPreview(ctx, query, { action: "delete", kind: "Cluster", name, tenant: SHARED_TENANT }, deps, () => undefined);
    },
    "leftovers.list": async (_ctx, { query }) => {
      const { items, ...rest } = await deps.transactions.platform((tx) => tx.leftovers.list(query));
      return { ...rest, items: items.map((leftover) => presentLeftover(leftover, deps.sweepSeconds)) };
    },
    "clusters.drain": async (ctx, { params, query }) => {
      const { name } = await find(params.id);
      const now = deps.clock().toISOString();
      const drain = async (tx: PlatformTransaction) => {
        const drained = await drainCluster(tx, name, { actor: ctx.actor, now, discardData: query.discardData ?? false });
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
