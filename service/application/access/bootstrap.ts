import { newId } from "../../../sdk/contract/index.ts";
import { digestToken } from "../../domain/access/tokens.ts";
import { DEFAULT_PROJECT, SHARED_TENANT } from "../../domain/tenancy/tenant.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import type { Transactions } from "../ports/transactions.ts";

/**
 * Makes what there must be before anybody can ask for anything: the administrator's token and the shared tenant. Several replicas may try
 * at the same time.
 * @param given the administrator's token; derived from the master key where none is given
 * @returns the administrator's token
 */
export async function bootstrap(transactions: Transactions, cipher: SecretCipher, given: string | undefined): Promise<string> {
  const adminToken = given ?? cipher.derive("admin-token");
  await transactions.platform(async (tx) => {
    // A new one replaces the former: whoever has that is let in no more.
    await tx.access.replaceAdministrator(digestToken(adminToken), "admin");
    if (await tx.tenants.find(SHARED_TENANT)) {
      return;
    }
    const now = new Date().toISOString();
    const common = { labels: {}, annotations: {}, generation: 1, resourceVersion: 1, createdAt: now, updatedAt: now };
    const id = newId("ten");
    await tx.tenants.insert({ ...common, id, name: SHARED_TENANT, spec: { quota: {}, policies: [], admins: [] } });
    await (await tx.enter(id)).projects.insert({ ...common, id: newId("prj"), tenantId: id, name: DEFAULT_PROJECT, spec: { quota: {} } });
  });
  return adminToken;
}

/** Resolves when the database answers with what was made at the first start. @throws when it does not */
export async function assertBootstrapped(transactions: Transactions): Promise<void> {
  await transactions.platform((tx) => tx.tenants.get(SHARED_TENANT));
}
