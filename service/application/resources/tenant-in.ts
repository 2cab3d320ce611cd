import { ClawError, type ManifestKind, type TenantId } from "../../../sdk/contract/index.ts";
import { homeOf } from "../../domain/change.ts";
import type { RequestContext } from "./route-handlers.ts";

/** The tenant of a request to a tenant route. @throws {ClawError} `tenant.required` */
export function tenantIn(ctx: Pick<RequestContext, "tenant">): { readonly id: TenantId; readonly name: string } {
  if (!ctx.tenant) {
    throw new ClawError("tenant.required", "this request is about a tenant's resources; name it with the header X-Claw-Tenant");
  }
  return ctx.tenant;
}

/** Name of the tenant that a resource is kept with, when a request names the resource alone. @throws {ClawError} `tenant.required` */
export function homeIn(ctx: RequestContext, kind: ManifestKind, name: string): string {
  return homeOf(kind, name, ctx.tenant?.name) ?? tenantIn(ctx).name;
}
