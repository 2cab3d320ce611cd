import type { ClawTypeId, ClawTypeSpec, TenantId } from "../../../sdk/contract/index.ts";
import type { StoredResource } from "../resource.ts";

/** A claw type that was brought as a resource. */
export interface StoredClawType extends StoredResource {
  readonly id: ClawTypeId;
  readonly tenantId: TenantId;
  readonly spec: ClawTypeSpec;
  /** Whether it is the platform's: every tenant's instances may be of it. */
  readonly shared: boolean;
}
