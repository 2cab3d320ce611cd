import type { ActionOf } from "../../../sdk/contract/index.ts";
import type { StoredRollout } from "../../domain/rollouts/rollout.ts";
import type { ResourceKind } from "../resources/kind.ts";
import type { RequestDependencies } from "../resources/requests.ts";
import { type Asked, type Named, resourceRoutes } from "../resources/resource-routes.ts";
import type { RequestContext, RouteHandlers } from "../resources/route-handlers.ts";
import { tenantIn } from "../resources/tenant-in.ts";
import { presentMember } from "./rollout-kind.ts";

type RolloutRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `rollouts.${string}`>>;

export function rolloutRoutes(kind: ResourceKind<"Rollout", StoredRollout>, deps: RequestDependencies): RolloutRoutes {
  const own = resourceRoutes(kind, deps);
  const act = async (ctx: RequestContext, input: Named & Asked, action: Omit<ActionOf<"Rollout">, "name">) => {
    const change = { ...action, name: await own.nameOf(ctx, input) } as ActionOf<"Rollout">;
    return own.write(ctx, input.query, { ...change, tenant: tenantIn(ctx).name });
  };
  return {
    "rollouts.list": own.list,
    "rollouts.get": own.get,
    "rollouts.create": own.create,
    "rollouts.replace": own.replace,
    "rollouts.delete": own.delete,
    "rollouts.instances": async (ctx, { params, query }) => {
      const rollout = await kind.get(ctx, deps.transactions, params.id);
      const page = await deps.transactions.reads.tenant(tenantIn(ctx).id, (tx) =>
        tx.rollouts.listMembers(rollout.id, query.limit, query.cursor),
      );
      return { ...page, items: page.items.map((member) => presentMember(member, rollout)) };
    },
    "rollouts.pause": (ctx, input) => act(ctx, input, { action: "pause" }),
    "rollouts.resume": (ctx, input) => act(ctx, input, { action: "resume" }),
    "rollouts.approve": (ctx, input) => act(ctx, input, { action: "approve" }),
    "rollouts.abort": (ctx, input) => act(ctx, input, { action: "abort", ...input.body }),
    "rollouts.retry": (ctx, input) => act(ctx, input, { action: "retry", ...input.body }),
  };
}
