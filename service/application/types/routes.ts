import { CAPABILITIES, type ClawTypeDescription, capabilities } from "../../../sdk/contract/index.ts";
import type { ApplicationDependencies } from "../dependencies.ts";
import type { ClawAdapter } from "../ports/instances/claw-adapter.ts";
import { unknownType } from "../resources/refusals.ts";
import type { RouteHandlers } from "../resources/route-handlers.ts";

type TypeRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `types.${string}`>>;

export function typeRoutes({ types }: Pick<ApplicationDependencies, "types">): TypeRoutes {
  return {
    "types.list": async () => ({ items: types.list().map(summaryOf) }),
    "types.get": async (_ctx, { params: { id } }) => {
      const adapter = types.find(id);
      if (!adapter) {
        const known = types.list().map(({ type }) => type);
        throw unknownType("id", id, known);
      }
      return describeType(adapter);
    },
  };
}

function summaryOf({ type, name, defaultVersion, description }: ClawAdapter) {
  return { type, adapter: name, version: defaultVersion, description };
}

function describeType(adapter: ClawAdapter): ClawTypeDescription {
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
