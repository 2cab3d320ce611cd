import { CAPABILITIES, ClawError, type ClawTypeDescription, capabilities } from "../../../sdk/contract/index.ts";
import { allows } from "../../domain/access/grants.ts";
import type { StoredClawType } from "../../domain/types/claw-type.ts";
import type { ApplicationDependencies } from "../dependencies.ts";
import type { KnownClawType, StoredTypes } from "../ports/instances/claw-adapter.ts";
import type { ResourceKind } from "../resources/kind.ts";
import { unknownNameFix } from "../resources/refusals.ts";
import { resourceRoutes } from "../resources/resource-routes.ts";
import type { RequestContext, RouteHandlers } from "../resources/route-handlers.ts";

type TypeRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `types.${string}` | `clawTypes.${string}`>>;

export function typeRoutes(kind: ResourceKind<"ClawType", StoredClawType>, deps: ApplicationDependencies): TypeRoutes {
  const own = resourceRoutes(kind, deps);
  const { types, transactions } = deps;
  /** What whoever asks may see: without a tenant, or without the permission there, what comes with the platform. */
  const seen = async (ctx: RequestContext): Promise<readonly KnownClawType[]> => {
    const { tenant, actor } = ctx;
    const mayRead = tenant !== undefined && allows(actor.grants, "types.read", { tenantId: tenant.id });
    return mayRead ? transactions.reads.tenant(tenant.id, (scope: StoredTypes) => types.list(scope)) : types.builtIn;
  };
  return {
    "types.list": async (ctx) => ({ items: (await seen(ctx)).map(summaryOf) }),
    "types.get": async (ctx, { params: { id } }) => {
      const known = await seen(ctx);
      const wanted = id.toLowerCase();
      const adapter = known.find(({ type, name }) => [type, name].some((called) => called.toLowerCase() === wanted));
      if (!adapter) {
        const types = known.map(({ type }) => type);
        const fix = unknownNameFix(id, types) ?? `use one of ${types.join(", ")}`;
        const message = `there is no claw type '${id}'`;
        throw new ClawError("type.not_found", message, { issues: [{ path: "id", message, fix }] });
      }
      return describeType(adapter);
    },
    "clawTypes.list": own.list,
    "clawTypes.get": own.get,
    "clawTypes.create": own.create,
    "clawTypes.replace": own.replace,
    "clawTypes.delete": own.delete,
  };
}

function summaryOf({ type, name, defaultVersion, description, origin }: KnownClawType) {
  return { type, adapter: name, version: defaultVersion, description, origin };
}

function describeType(adapter: KnownClawType): ClawTypeDescription {
  return {
    ...summaryOf(adapter),
    capabilities: CAPABILITIES.map((name) => {
      const { how, keys } = adapter.capabilities[name] ?? {};
      return { name, supported: how !== undefined, detail: how ?? `not that ${capabilities[name]}`, ...(keys && { keys: [...keys] }) };
    }),
    defaults: adapter.defaults as ClawTypeDescription["defaults"],
    secretKeys: [...adapter.secretKeys],
    platformKeys: [...adapter.platformKeys],
  };
}
