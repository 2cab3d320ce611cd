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

/** Who makes a request. Platform actors may act in any tenant. */
export interface Actor {
  readonly subject: string;
  readonly platform: boolean;
  /** The tenant that the credential is bound to; undefined for platform tokens. */
  readonly tenantId: TenantId | undefined;
  /** It passes on what somebody else wrote elsewhere, who may be anybody: in a cluster's custom resource, in a file of a claw. */
  readonly relays?: true;
}

/** Whether what it asks for may name what is the host's own. */
export function isAdministrator({ platform, relays }: Actor): boolean {
  return platform && relays !== true;
}
