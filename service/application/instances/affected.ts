import type { TenantId } from "../../../sdk/contract/index.ts";
import type { Resolution } from "./resolve-instance.ts";

/** An instance that changes touch, worked out before and after them. */
export interface Affected {
  readonly tenantId: TenantId;
  readonly tenant: string;
  readonly name: string;
  readonly before: Resolution | undefined;
  /** Undefined when it goes away. */
  readonly after: Resolution | undefined;
}

/** Identifies an instance among those of all tenants. */
export function keyOf({ tenant, name }: { readonly tenant: string; readonly name: string }): string {
  return `${tenant}/${name}`;
}
