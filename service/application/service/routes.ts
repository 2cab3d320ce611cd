import { API_VERSION } from "../../../sdk/contract/index.ts";
import type { ApplicationDependencies } from "../dependencies.ts";
import type { RouteHandlers } from "../resources/route-handlers.ts";

type ServiceRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `service.${string}` | `types.${string}`>>;

export function serviceRoutes(deps: ApplicationDependencies): ServiceRoutes {
  return {
    "types.list": async () => ({
      items: deps.types
        .list()
        .map(({ type, name, defaultVersion, description }) => ({ type, adapter: name, version: defaultVersion, description })),
    }),
    "service.version": async () => ({ version: deps.version, apiVersion: API_VERSION }),
    "service.whoami": async ({ actor, tenant }) => ({
      subject: actor.subject,
      platform: actor.platform,
      ...(tenant && { tenant: tenant.name }),
    }),
  };
}
