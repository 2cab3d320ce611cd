import type { ListQuery, SecretId } from "../../../../sdk/contract/index.ts";
import type { SecretState, StoredSecret } from "../../../domain/secrets/secret.ts";
import type { Page, Ref } from "../resources/page.ts";

/** A tenant's secrets; those of the platform only to those who ask for them by name. */
export interface SecretRepository {
  list(query: ListQuery): Promise<Page<StoredSecret>>;
  /** How many the tenant has. */
  count(): Promise<number>;
  /** @throws {ClawError} `secret.not_found` */
  get(ref: Ref): Promise<StoredSecret>;
  find(ref: Ref): Promise<StoredSecret | undefined>;
  /** Those of the tenant, or of the platform, that there are of these names. */
  named(names: readonly string[], of: "tenant" | "platform"): Promise<readonly StoredSecret[]>;
  /** Its source, where it has one, is due to be read at once. */
  insert(secret: StoredSecret): Promise<void>;
  update(secret: StoredSecret, expected: number): Promise<void>;
  /** Writes what is known of its source, and when that is read next; false when it is gone, or somebody has changed it since. */
  updateState(secret: Pick<StoredSecret, "id" | "resourceVersion">, state: SecretState, inSeconds: number): Promise<boolean>;
  delete(id: SecretId): Promise<void>;
}
