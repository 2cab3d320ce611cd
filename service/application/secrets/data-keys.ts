import { randomBytes } from "node:crypto";
import type { DataKey } from "../ports/secrets/data-key-repository.ts";
import type { KeyProvider } from "../ports/secrets/key-provider.ts";
import type { PlatformTransaction, Transactions } from "../ports/transactions.ts";
import { RESEALED } from "./reseal.ts";

const KEY_BYTES = 32;

export interface DataKeyDependencies {
  readonly transactions: Transactions;
  /** Wraps what is made, and whatever another key-encryption key has wrapped. */
  readonly provider: KeyProvider;
  /** How a ciphertext names a key. */
  readonly idOf: (key: Uint8Array) => string;
}

/**
 * The keys that seal secrets, newest first, in plain: kept in memory, so that no request waits for a provider. The first is made at the first
 * start. What a former key-encryption key has wrapped is wrapped anew, so that it can go.
 * @throws {ClawError} `service.unavailable` when one was wrapped by a key-encryption key that is not given
 */
export async function openDataKeys(deps: DataKeyDependencies): Promise<readonly Uint8Array[]> {
  const { transactions, provider, idOf } = deps;
  let kept = await listed(deps);
  if (kept.length === 0) {
    const made = randomBytes(KEY_BYTES);
    const wrapped = await provider.wrap(made);
    await transactions.platform(async (tx) => {
      // Another replica may have been faster.
      if ((await tx.dataKeys.list()).length === 0) {
        await tx.dataKeys.insert({ id: idOf(made), ...wrapped });
      }
    });
    kept = await listed(deps);
  }
  const keys: Uint8Array[] = [];
  for (const dataKey of kept) {
    keys.push(await opened(dataKey, deps));
  }
  await transactions.platform((tx) => rewrapAll(tx, deps));
  return keys;
}

export interface Rotation {
  /** The key-encryption key that wraps now. */
  readonly current: string;
  readonly rewrapped: number;
}

/**
 * A new key-encryption key, and every data key wrapped by it. No ciphertext changes and no replica needs to know: they have the data keys.
 * Whoever is killed in between leaves keys that both key-encryption keys open, and the next rotation goes on with the same new one.
 */
export async function rotateKeys(deps: DataKeyDependencies): Promise<Rotation> {
  const { transactions, provider } = deps;
  const rotation = await transactions.platform(async (tx) => {
    const former = await provider.current();
    const isAtRest = (await tx.dataKeys.list()).every(({ wrappedBy }) => wrappedBy === former);
    if (isAtRest) {
      await provider.rotate();
    }
    const rewrapped = await rewrapAll(tx, deps);
    return { current: await provider.current(), rewrapped };
  });
  await transactions.platform(async (tx) => {
    const kept = await tx.dataKeys.list();
    const mark = await tx.keyring.find(RESEALED);
    // Before the first data key secrets were sealed by the master key itself: it stays until they are sealed anew.
    if (kept.some(({ id }) => mark?.startsWith(`${id}:`))) {
      await provider.forget(kept.map(({ wrappedBy }) => wrappedBy));
    }
  });
  return rotation;
}

/** What there is, and how it is wrapped. */
export function listed({ transactions }: Pick<DataKeyDependencies, "transactions">): Promise<readonly DataKey[]> {
  return transactions.platform((tx) => tx.dataKeys.list());
}

/** Whether a start could open what is kept, and how old that is: a provider that has gone is noticed while the secrets can be read still. */
export async function lookAtKeys(deps: DataKeyDependencies): Promise<DataKeyAge | undefined> {
  const kept = await listed(deps);
  for (const dataKey of kept) {
    await opened(dataKey, deps);
  }
  const [newest] = kept;
  return newest && { createdAt: newest.createdAt, wrappedAt: kept.map(({ wrappedAt }) => wrappedAt).sort()[0] ?? newest.wrappedAt };
}

/** Since when secrets are sealed by a key, and since when the key is wrapped by the same key-encryption key. */
export interface DataKeyAge {
  readonly createdAt: string;
  readonly wrappedAt: string;
}

/** The provider is asked within the transaction, which nobody but a start and a rotation wants at the same time. @returns how many */
async function rewrapAll(tx: PlatformTransaction, deps: DataKeyDependencies): Promise<number> {
  const current = await deps.provider.current();
  const due = (await tx.dataKeys.list()).filter(({ wrappedBy }) => wrappedBy !== current);
  for (const dataKey of due) {
    const wrapped = await deps.provider.rewrap(dataKey);
    // What could not be opened again would be lost.
    await opened({ ...dataKey, ...wrapped }, deps);
    await tx.dataKeys.rewrap(dataKey.id, wrapped);
  }
  return due.length;
}

async function opened(dataKey: DataKey, { provider, idOf }: DataKeyDependencies): Promise<Uint8Array> {
  const key = await provider.unwrap(dataKey);
  if (idOf(key) !== dataKey.id) {
    throw new Error(`what is kept as the data key '${dataKey.id}' is another one`);
  }
  return key;
}
