import { join } from "node:path";
import type { Logger } from "pino";
import { describeOther } from "../../../adapters/identity/access-file.ts";
import { createAuditSigner } from "../../../adapters/identity/audit-signer.ts";
import { keyIdOf, SecretCipherAes } from "../../../adapters/identity/cipher.ts";
import { startEmbeddedPostgres } from "../../../adapters/postgres/embedded-postgres.ts";
import { makeLogins } from "../../../adapters/postgres/logins.ts";
import { migrateDatabase, openDatabase } from "../../../adapters/postgres/open-database.ts";
import { ClawError } from "../../../sdk/contract/index.ts";
import type { Replica } from "../../application/ports/service/replica-repository.ts";
import { openDataKeys } from "../../application/secrets/data-keys.ts";
import { keepDerivation } from "../../application/secrets/keep-derivation.ts";
import type { Environment } from "../../config/environment.ts";
import type { Tallies } from "../../domain/tallies.ts";
import type { Closers } from "./closers.ts";
import { type Keys, openKeyProvider } from "./key-providers.ts";

/** The database's URL, as its owner: the one that is set, or that of the data folder, which is this process's from then on. */
export async function findDatabase(env: Environment, log: Logger, closers: Closers): Promise<string> {
  if (env.databaseUrl !== undefined) {
    return env.databaseUrl;
  }
  const postgres = await startEmbeddedPostgres({
    dataDir: join(env.dataDir, "postgres"),
    toolsDir: join(env.dataDir, "tools"),
    log: (message) => log.info(message),
  });
  const owner = await postgres.own();
  if (owner !== undefined) {
    throw new ClawError("service.unavailable", await describeOther(env.dataDir, owner));
  }
  closers.push(postgres.stop);
  return postgres.url;
}

/** The database as the service uses it, migrated, and what seals the secrets in it. */
export async function openStores(env: Environment, ownerUrl: string, replica: Replica, tallies: Tallies, closers: Closers) {
  await migrateDatabase(ownerUrl);
  const keys = openKeyProvider(env, tallies);
  const cipher = await openCipher(keys, ownerUrl);
  const logins = await makeLogins(ownerUrl, (purpose) => cipher.derive(purpose));
  const signer = createAuditSigner(cipher);
  const onRecorded = (count: number) => tallies.count("claw_audit_records_total", {}, count);
  const database = await openDatabase({ url: logins.service, replica, signer, onRecorded });
  closers.push(database.close);
  return {
    cipher,
    keys,
    signer,
    transactions: database.transactions,
    pool: database.pool,
    serviceUrl: logins.service,
    workerUrl: logins.worker,
  };
}

/** What secrets are sealed with. It is asked for as the database's owner: the logins' passwords are made of it. */
async function openCipher(keys: Keys, ownerUrl: string): Promise<SecretCipherAes> {
  const { cipher, close } = await openAsOwner(keys, ownerUrl);
  await close();
  return cipher;
}

/** A migrated database as its owner uses it, on one connection, and what seals the secrets in it. */
export async function openAsOwner({ provider, masterKeys }: Keys, ownerUrl: string) {
  const { transactions, close } = await openDatabase({ url: ownerUrl, connections: 1 });
  try {
    const keys = { transactions, provider, idOf: keyIdOf };
    const [current = new Uint8Array(), ...former] = await openDataKeys(keys);
    // Before there were data keys, master keys sealed. The first start has made one by now: every replica derives of the same.
    const sealing = [...former, ...(await masterKeys())];
    const bare = new SecretCipherAes(current, sealing);
    const derivation = await keepDerivation(transactions, bare, bare.derivation);
    return { cipher: new SecretCipherAes(current, sealing, derivation), transactions, keys, close };
  } catch (error) {
    await close();
    throw error;
  }
}
