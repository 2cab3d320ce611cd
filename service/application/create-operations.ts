import { clusterOperations } from "./cluster-operations.ts";
import { configOperations } from "./config-operations.ts";
import type { ApplicationDependencies } from "./dependencies.ts";
import { instanceOperations } from "./instance-operations.ts";
import type { Operations } from "./operations.ts";
import { previewOperations } from "./preview-operations.ts";
import { serviceOperations } from "./service-operations.ts";
import { stackOperations } from "./stack-operations.ts";
import { tenantOperations } from "./tenant-operations.ts";

/** Every use case, one per route. */
export function createOperations(deps: ApplicationDependencies): Operations {
  return {
    ...instanceOperations(deps),
    ...configOperations(deps),
    ...tenantOperations(deps),
    ...clusterOperations(deps),
    ...previewOperations(deps),
    ...stackOperations(deps),
    ...serviceOperations(deps),
  };
}
