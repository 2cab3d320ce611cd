import { clusterKind } from "./clusters/cluster-kind.ts";
import { clusterRoutes } from "./clusters/routes.ts";
import { configTemplateKind } from "./configs/config-template-kind.ts";
import { configRoutes } from "./configs/routes.ts";
import type { ApplicationDependencies, OuterDependencies } from "./dependencies.ts";
import { instanceConsequences } from "./instances/consequences.ts";
import { instanceKind } from "./instances/instance-kind.ts";
import { instanceRoutes } from "./instances/routes.ts";
import type { AnyKind } from "./resources/kind.ts";
import type { RouteHandlers } from "./resources/route-handlers.ts";
import { previewRoutes } from "./resources/routes.ts";
import { serviceRoutes } from "./service/routes.ts";
import { stackRoutes } from "./stacks/routes.ts";
import { projectKind } from "./tenancy/project-kind.ts";
import { projectRoutes, tenantRoutes } from "./tenancy/routes.ts";
import { tenantKind } from "./tenancy/tenant-kind.ts";

export interface Application {
  /** Every use case, one per route. */
  readonly routes: RouteHandlers;
  /** What workers share with the routes. */
  readonly dependencies: ApplicationDependencies;
}

/** Puts kinds and routes together. */
export function createApplication(outer: OuterDependencies): Application {
  const own = {
    cluster: clusterKind(outer),
    tenant: tenantKind(outer),
    project: projectKind,
    configTemplate: configTemplateKind(outer),
    instance: instanceKind(outer),
  };
  const kinds: readonly AnyKind[] = Object.values(own);
  const dependencies = { ...outer, kinds, consequences: instanceConsequences({ ...outer, kinds }) };
  return {
    dependencies,
    routes: {
      ...clusterRoutes(own.cluster, dependencies),
      ...tenantRoutes(own.tenant, dependencies),
      ...projectRoutes(own.project, dependencies),
      ...configRoutes(own.configTemplate, dependencies),
      ...instanceRoutes(own.instance, dependencies),
      ...previewRoutes(dependencies),
      ...stackRoutes(dependencies),
      ...serviceRoutes(dependencies),
    },
  };
}
