import { ClawError, type TenantId } from "../../../sdk/contract/index.ts";
import type { RequestContext } from "./route-handlers.ts";

/** The tenant of a request to a tenant route. @throws {ClawError} `tenant.required` */
export function tenantIn(ctx: RequestContext): { readonly id: TenantId; readonly name: string } {
  if (!ctx.tenant) {
    throw new ClawError("tenant.required", "this request is about a tenant's resources; name it with the header X-Claw-Tenant");
  }
  return ctx.tenant;
}
