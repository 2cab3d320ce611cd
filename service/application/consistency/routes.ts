import { projectsThatAllow } from "../../domain/access/grants.ts";
import { DIFFERENCES_MAX } from "../../domain/instances/consistency.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import type { ResourceKind } from "../resources/kind.ts";
import type { RouteHandlers } from "../resources/route-handlers.ts";
import { tenantIn } from "../resources/tenant-in.ts";
import { type CheckDependencies, checkInstances } from "./check-instances.ts";
import { presentConsistency } from "./present-consistency.ts";

/** Of each instance of a fleet: the rest is its own page's. */
const SHOWN_OF_MANY = 5;

type ConsistencyRoutes = Pick<RouteHandlers, "instances.consistency" | "instances.check">;

/** Claws are asked as these are called: what nobody can ask now is answered as it was last found, and said to be so. */
export function consistencyRoutes(kind: ResourceKind<"ClawInstance", Instance>, deps: CheckDependencies): ConsistencyRoutes {
  return {
    "instances.consistency": async (ctx, { params }) => {
      const { tenantId, name, id } = await kind.get(ctx, deps.transactions, params.id);
      const checked = await checkInstances(tenantId, [name], deps);
      const instance = await kind.get(ctx, deps.transactions, id);
      return presentConsistency(instance, deps.clock().toISOString(), { shown: DIFFERENCES_MAX, isChecked: checked.length > 0 });
    },
    "instances.check": async (ctx, { query }) => {
      const { id: tenantId } = tenantIn(ctx);
      const projects = projectsThatAllow(ctx.actor.grants, "instances.read");
      const page = await deps.transactions.tenant(tenantId, (tx) => tx.instances.list(query, projects));
      const names = page.items.map(({ name }) => name);
      const checked = new Set((await checkInstances(tenantId, names, deps)).map(({ id }) => id));
      const fresh = new Map(
        (await deps.transactions.tenant(tenantId, (tx) => tx.instances.findAll(names))).map((instance) => [instance.id, instance]),
      );
      const now = deps.clock().toISOString();
      return {
        items: page.items.map((found) =>
          presentConsistency(fresh.get(found.id) ?? found, now, { shown: SHOWN_OF_MANY, isChecked: checked.has(found.id) }),
        ),
        ...(page.nextCursor !== undefined && { nextCursor: page.nextCursor }),
      };
    },
  };
}
