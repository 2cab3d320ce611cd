import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, it, type TestContext } from "vitest";
import { keyIdOf } from "../../../../adapters/identity/cipher.ts";
import { EnvKeyProvider, FileKeyProvider } from "../../../../adapters/identity/local-key-provider.ts";
import { loadMasterKeys } from "../../../../adapters/identity/master-key.ts";
import { VaultKeyProvider, type VaultSettings } from "../../../../adapters/identity/vault-key-provider.ts";
import type { KeyProvider } from "../../../../service/application/ports/secrets/key-provider.ts";
import type { Transactions } from "../../../../service/application/ports/transactions.ts";
import { listed, openDataKeys, rotateKeys } from "../../../../service/application/secrets/data-keys.ts";
import { RESEALED } from "../../../../service/application/secrets/reseal.ts";
import { readEnvironment } from "../../../../service/config/environment.ts";
import { openKeyProvider } from "../../../../service/roots/control-plane/key-providers.ts";
import { createTestDatabase } from "../../../support/postgres.ts";
import { startTransit, type Transit } from "../../../support/transit.ts";

const database = await createTestDatabase();
afterAll(() => database.drop());
const { transactions, pool } = database;
const transit = await startTransit();
afterAll(() => transit.stop());

function vaultOf(settings: Transit["settings"]): VaultSettings {
  const { vault } = readEnvironment(settings);
  if (!vault) {
    throw new Error("the settings name a Vault");
  }
  return vault;
}

/** A data folder, beside a database without keys. */
async function aPlace(test: TestContext) {
  const dataDir = await mkdtemp(join(tmpdir(), "claw-keys-"));
  test.onTestFinished(() => rm(dataDir, { recursive: true }));
  await pool.query("truncate data_keys, keyring");
  const open = (over: Partial<Transactions> = {}, provider: KeyProvider = new FileKeyProvider(dataDir, [])) => ({
    transactions: { ...bound(transactions), ...over },
    provider,
    idOf: keyIdOf,
  });
  return { dataDir, open };
}
const hex = (keys: readonly Uint8Array[]) => keys.map((key) => Buffer.from(key).toString("hex"));

describe("the data keys", () => {
  it("are one at first, whichever replica starts first, and in the database wrapped alone", async (test) => {
    const { open } = await aPlace(test);
    const opened = await Promise.all([1, 2, 3].map(() => openDataKeys(open())));
    test.expect(new Set(opened.flatMap(hex)).size).toBe(1);
    const { rows } = await pool.query("select to_jsonb(d)::text as text from data_keys d");
    test.expect(rows).toHaveLength(1);
    const [key = new Uint8Array()] = opened[0] ?? [];
    for (const form of ["hex", "base64", "base64url"] as const) {
      test.expect(rows[0].text).not.toContain(Buffer.from(key).toString(form));
    }
  });

  it.for([{ name: "file" }, { name: "vault", elsewhere: (): KeyProvider => new VaultKeyProvider(vaultOf(transit.settings)) }])(
    "stay what they are through a rotation that is cut off anywhere, and open after each cut, by the provider $name",
    async ({ elsewhere }, test) => {
      const place = await aPlace(test);
      const { dataDir } = place;
      const open = (over: Partial<Transactions> = {}, provider = elsewhere?.()) => place.open(over, provider);
      const keys = hex(await openDataKeys(open()));
      const [first] = await listed({ transactions });
      await transactions.platform((tx) => tx.keyring.put(RESEALED, `${first?.id}:x`));
      const former = await open().provider.current();
      let cuts = 0;
      for (let isDone = false; !isDone; cuts++) {
        // Killed before one step more each time: a step is a transaction's start or end, or something asked of the provider.
        let left = cuts;
        const step = async <T>(run: () => Promise<T>): Promise<T> => {
          if (left-- <= 0) {
            throw new Error("killed");
          }
          return run();
        };
        const bare = open();
        const dying: KeyProvider = {
          name: "file",
          current: () => step(() => bare.provider.current()),
          wrap: (key) => step(() => bare.provider.wrap(key)),
          unwrap: (key) => step(() => bare.provider.unwrap(key)),
          rewrap: (wrapped) => step(() => bare.provider.rewrap(wrapped)),
          rotate: () => step(() => bare.provider.rotate()),
          forget: (inUse) => step(() => bare.provider.forget(inUse)),
        };
        const platform: Transactions["platform"] = (work) =>
          step(() => transactions.platform(async (tx) => step(() => work(tx)).then((result) => step(async () => result))));
        isDone = await rotateKeys(open({ platform }, dying)).then(
          () => true,
          (error: Error) => {
            test.expect(error.message).toBe("killed");
            return false;
          },
        );
        // What a service that starts now finds.
        test.expect(hex(await openDataKeys({ ...open(), transactions: readOnly(transactions) }))).toEqual(keys);
      }
      test.expect(cuts).toBeGreaterThan(10);
      const now = await open().provider.current();
      test.expect((await listed({ transactions })).map(({ wrappedBy }) => wrappedBy)).toEqual([now]);
      test.expect(now).not.toBe(former);
      if (!elsewhere) {
        test.expect(await loadMasterKeys(dataDir)).toHaveLength(1);
      }
      test.expect(hex(await openDataKeys(open()))).toEqual(keys);
    },
  );

  it("move to another provider by a start, from where the former is not needed any more", async (test) => {
    const { open, dataDir } = await aPlace(test);
    const keys = hex(await openDataKeys(open()));
    const moved = openKeyProvider(readEnvironment({ CLAW_DATA_DIR: dataDir, ...transit.settings }));
    test.expect(hex(await openDataKeys(open({}, moved.provider)))).toEqual(keys);
    const alone = () => open({}, new VaultKeyProvider(vaultOf(transit.settings)));
    test.expect(hex(await openDataKeys(alone()))).toEqual(keys);
    // Not back: what Vault has wrapped a master key does not open, and says where it is.
    await test.expect(openDataKeys(open())).rejects.toThrow("wrapped by 'vault:transit/claw:v");
  });

  it("are wrapped by one new key where rotations come at once, each after the other", async (test) => {
    const { open, dataDir } = await aPlace(test);
    const keys = hex(await openDataKeys(open()));
    const [{ id = "" } = {}] = await listed({ transactions });
    await transactions.platform((tx) => tx.keyring.put(RESEALED, `${id}:x`));
    await Promise.all([1, 2, 3].map(() => rotateKeys(open())));
    test.expect(await loadMasterKeys(dataDir)).toHaveLength(1);
    test.expect(hex(await openDataKeys(open()))).toEqual(keys);
  });

  it("keep the master key that sealed secrets itself, until they are sealed anew", async (test) => {
    const { open, dataDir } = await aPlace(test);
    await openDataKeys(open());
    await rotateKeys(open());
    test.expect(await loadMasterKeys(dataDir)).toHaveLength(2);
  });

  it("are not opened by another master key, which is told to give the former", async (test) => {
    const { open } = await aPlace(test);
    const [first, second] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const of = (...keys: Uint8Array[]) => open({}, new EnvKeyProvider(keys));
    const keys = hex(await openDataKeys(await of(first)));
    await test.expect(rotateKeys(await of(first))).rejects.toThrow("CLAW_MASTER_KEY_FORMER");
    await test.expect(openDataKeys(await of(second))).rejects.toThrow("CLAW_MASTER_KEY_FORMER");
    test.expect(await rotateKeys(await of(second, first))).toMatchObject({ rewrapped: 1 });
    test.expect(hex(await openDataKeys(await of(second)))).toEqual(keys);
    await test.expect(openDataKeys(await of(first))).rejects.toThrow("CLAW_MASTER_KEY_FORMER");
  });
});

/** What is opened is looked at, and what it would wrap anew is not kept: a look must not bring a rotation to its end. */
function readOnly(transactions: Transactions): Transactions {
  return { ...bound(transactions), platform: transactions.dryRun.bind(transactions) };
}

function bound(transactions: Transactions): Transactions {
  return {
    reads: transactions.reads,
    tenant: (id, work) => transactions.tenant(id, work),
    platform: (work) => transactions.platform(work),
    dryRun: (work) => transactions.dryRun(work),
  };
}
