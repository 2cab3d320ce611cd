import type { ProjectId, ProjectSpec, TenantId, TenantSpec } from "../../../sdk/contract/index.ts";
import type { StoredResource } from "../resource.ts";

/** The tenant whose config templates every tenant may use: the namespace of shared manifests. */
export const SHARED_TENANT = "default";
/** The project of instances that name none; every tenant has it. */
export const DEFAULT_PROJECT = "default";

export interface Tenant extends StoredResource {
  readonly id: TenantId;
  readonly spec: TenantSpec;
}
export interface Project extends StoredResource {
  readonly id: ProjectId;
  readonly tenantId: TenantId;
  readonly spec: ProjectSpec;
}
