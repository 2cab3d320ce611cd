import type { Tenant } from "../../domain/tenancy/tenant.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";

/** Every tenant, page by page. */
export async function allTenants(tx: PlatformTransaction): Promise<Tenant[]> {
  const tenants: Tenant[] = [];
  let cursor: string | undefined;
  do {
    const page = await tx.tenants.list({ limit: 500, ...(cursor !== undefined && { cursor }) });
    tenants.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return tenants;
}
