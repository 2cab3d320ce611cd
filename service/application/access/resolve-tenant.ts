import { ClawError, type TenantId } from "../../../sdk/contract/index.ts";
import type { Actor } from "../../domain/tenancy/tenant.ts";
import type { Transactions } from "../ports/transactions.ts";

/** The tenant that is named, or the actor's own; undefined for platform actors that name none. */
export type ResolveTenant = (
  actor: Actor,
  ref: string | undefined,
) => Promise<{ readonly id: TenantId; readonly name: string } | undefined>;

export function createTenantResolver(transactions: Transactions): ResolveTenant {
  return async (actor, ref) => {
    const wanted = ref ?? actor.tenantId;
    if (wanted === undefined) {
      return undefined;
    }
    const tenant = await transactions.platform((tx) => tx.tenants.find(wanted));
    // Another's is as if it did not exist.
    if (!tenant || (!actor.platform && tenant.id !== actor.tenantId)) {
      throw new ClawError("tenant.not_found", `there is no tenant '${wanted}'`);
    }
    return tenant;
  };
}
