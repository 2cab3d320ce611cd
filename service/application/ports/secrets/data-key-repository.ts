import type { WrappedKey } from "./key-provider.ts";

/** A key that seals secrets, wrapped. Ciphertexts name it. */
export interface DataKey extends WrappedKey {
  readonly id: string;
  readonly createdAt: string;
  readonly wrappedAt: string;
}

/** The data keys of a database. */
export interface DataKeyRepository {
  /** Newest first. Others wait until the transaction ends: of those that make or wrap keys at once, one does. */
  list(): Promise<readonly DataKey[]>;
  insert(key: Pick<DataKey, "id" | "wrapped" | "wrappedBy">): Promise<void>;
  rewrap(id: string, wrapped: WrappedKey): Promise<void>;
}
