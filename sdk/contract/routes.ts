import type { Route } from "./route.ts";
import { accessRoutes } from "./routes/access.ts";
import { auditRoutes } from "./routes/audit.ts";
import { clusterRoutes } from "./routes/clusters.ts";
import { configRoutes } from "./routes/configs.ts";
import { instanceRoutes } from "./routes/instances.ts";
import { policyRoutes } from "./routes/policies.ts";
import { recordingRoutes } from "./routes/recordings.ts";
import { rolloutRoutes } from "./routes/rollouts.ts";
import { secretRoutes } from "./routes/secrets.ts";
import { serviceRoutes } from "./routes/service.ts";
import { stackRoutes } from "./routes/stacks.ts";
import { tenancyRoutes } from "./routes/tenancy.ts";
import { typeRoutes } from "./routes/types.ts";
import { valuesRoutes } from "./routes/values.ts";

/** Every route by its id: OpenAPI's `operationId`. */
export const routes = {
  ...instanceRoutes,
  ...configRoutes,
  ...valuesRoutes,
  ...secretRoutes,
  ...tenancyRoutes,
  ...accessRoutes,
  ...auditRoutes,
  ...recordingRoutes,
  ...policyRoutes,
  ...rolloutRoutes,
  ...clusterRoutes,
  ...stackRoutes,
  ...serviceRoutes,
  ...typeRoutes,
} as const satisfies Record<string, Route>;
export type RouteId = keyof typeof routes;
