import { newId } from "../../../sdk/contract/index.ts";
import { CONTROL_PLANE } from "../../domain/access/actor.ts";
import { entryOf } from "../../domain/audit/chain.ts";
import { DEFAULT_PROJECT, SHARED_TENANT } from "../../domain/tenancy/tenant.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import type { Transactions } from "../ports/transactions.ts";
import { admitAdministrator, type StartToken } from "./administrator.ts";

/**
 * Makes what there must be before anybody can ask for anything: the administrator's token and the shared tenant. Several replicas may try
 * at the same time.
 * @param given the administrator's token; derived from the master key where none is given
 */
export async function bootstrap(transactions: Transactions, cipher: SecretCipher, given: string | undefined): Promise<StartToken> {
  return transactions.platform(async (tx) => {
    const admitted = await admitAdministrator(tx, cipher, given);
    tx.audit.append(entryOf({ time: new Date().toISOString(), by: CONTROL_PLANE, action: "service.start" }));
    if (await tx.tenants.find(SHARED_TENANT)) {
      return admitted;
    }
    const now = new Date().toISOString();
    const common = { labels: {}, annotations: {}, generation: 1, resourceVersion: 1, createdAt: now, updatedAt: now };
    const id = newId("ten");
    await tx.tenants.insert({ ...common, id, name: SHARED_TENANT, spec: { quota: {}, policies: [], admins: [] } });
    await (await tx.enter(id)).projects.insert({ ...common, id: newId("prj"), tenantId: id, name: DEFAULT_PROJECT, spec: { quota: {} } });
    return admitted;
  });
}

/** Resolves when the database answers with what was made at the first start. @throws when it does not */
export async function assertBootstrapped(transactions: Transactions): Promise<void> {
  await transactions.platform((tx) => tx.tenants.get(SHARED_TENANT));
}
