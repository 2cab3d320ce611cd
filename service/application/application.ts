import { clusterRoutes } from "./clusters/routes.ts";
import { configRoutes } from "./configs/routes.ts";
import type { ApplicationDependencies } from "./dependencies.ts";
import { instanceRoutes } from "./instances/routes.ts";
import type { RouteHandlers } from "./resources/route-handlers.ts";
import { previewRoutes } from "./resources/routes.ts";
import { serviceRoutes } from "./service/routes.ts";
import { stackRoutes } from "./stacks/routes.ts";
import { tenantRoutes } from "./tenancy/routes.ts";

/** Every use case, one per route. */
export function createRouteHandlers(deps: ApplicationDependencies): RouteHandlers {
  return {
    ...instanceRoutes(deps),
    ...configRoutes(deps),
    ...tenantRoutes(deps),
    ...clusterRoutes(deps),
    ...previewRoutes(deps),
    ...stackRoutes(deps),
    ...serviceRoutes(deps),
  };
}
