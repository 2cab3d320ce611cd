import { SHARED_TENANT } from "../../domain/tenancy/tenant.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";

/** What the control plane is known by, to hosts and clusters: as old as its database, and the same to all replicas and in every copy. */
export async function controlPlaneId(tx: PlatformTransaction): Promise<string> {
  return (await tx.tenants.get(SHARED_TENANT)).id;
}
