import { EventReason, EventType } from "../../../sdk/contract/index.ts";
import type { StoredSecret } from "../../domain/secrets/secret.ts";
import type { Tenant as StoredTenant } from "../../domain/tenancy/tenant.ts";
import { recordEvents } from "../instances/report-status.ts";
import type { PlatformTransaction, TenantTransaction } from "../ports/transactions.ts";
import { everyOf, pagesOf } from "../resources/pages.ts";

type Tenant = Pick<StoredTenant, "id" | "name">;
type Known = Pick<StoredSecret, "name" | "tenantId" | "shared">;

/** How instances of a tenant name a secret: in what is the tenant's own, or in what is the platform's. */
export function useOf({ name, tenantId }: Known, tenant: Pick<Tenant, "id">) {
  return { secret: name, shared: tenantId !== tenant.id };
}

/** The tenants whose instances may name it. */
export async function* tenantsOf(tx: PlatformTransaction, { shared }: Known, home: Tenant): AsyncGenerator<Tenant> {
  yield home;
  if (shared) {
    for await (const tenant of everyOf((page) => tx.tenants.list(page))) {
      if (tenant.id !== home.id) {
        yield tenant;
      }
    }
  }
}

/** Asks for the instances to be reconciled that name a secret: it has another value now. @param actor who gave it */
export async function reviseUsers(tx: PlatformTransaction, secret: Known, home: Tenant, now: string, actor: string): Promise<void> {
  const message = `secret '${secret.name}'`;
  const event = { type: EventType.Normal, reason: EventReason.Requested, message, actor };
  for await (const tenant of tenantsOf(tx, secret, home)) {
    const scope = await tx.enter(tenant.id);
    for await (const page of pagesOf((query) => scope.instances.listMarks(useOf(secret, tenant), query))) {
      const ids = page.map(({ id }) => id);
      await scope.instances.requestReconcile(ids);
      await recordEvents(
        scope,
        ids.map((instance) => ({ instance, ...event })),
        now,
      );
    }
  }
  await tx.enter(home.id);
}

/** Whether anything there still names it. */
export async function isNamed(scope: TenantTransaction, secret: Known, tenant: Tenant): Promise<string | undefined> {
  const { items } = await scope.instances.listMarks(useOf(secret, tenant), { limit: 1 });
  return items[0]?.name;
}
