import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import type { SecretsManager } from "../operation.ts";
import { createCipher } from "./cipher.ts";

/** Wraps the data keys of stacks with a key that never leaves its holder (the service's key provider). */
export interface KeyWrapper {
  wrap(dataKey: Uint8Array): Promise<string>;
  /** @throws when no known key made it. */
  unwrap(wrapped: string): Promise<Uint8Array>;
}

const DATA_KEYS_CACHED = 256;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Wraps with a 32-byte key of this service. Data keys that an earlier key wrapped stay readable while it is given too. */
export class LocalKeyWrapper implements KeyWrapper {
  readonly #current: string;
  readonly #keys: ReadonlyMap<string, Uint8Array>;

  constructor(key: Uint8Array, earlierKeys: readonly Uint8Array[] = []) {
    for (const given of [key, ...earlierKeys]) {
      if (given.length !== 32) {
        throw new Error(`a wrapping key has 32 bytes, this one has ${given.length}`);
      }
    }
    this.#current = keyId(key);
    this.#keys = new Map([...earlierKeys, key].map((given) => [keyId(given), given]));
  }

  async wrap(dataKey: Uint8Array): Promise<string> {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.#keyOf(this.#current), nonce);
    const sealed = Buffer.concat([nonce, cipher.update(dataKey), cipher.final(), cipher.getAuthTag()]);
    return `local:${this.#current}:${sealed.toString("base64")}`;
  }

  async unwrap(wrapped: string): Promise<Uint8Array> {
    const [kind, id, sealed] = wrapped.split(":");
    if (kind !== "local" || id === undefined || sealed === undefined) {
      throw new Error("malformed wrapped key");
    }
    const bytes = Buffer.from(sealed, "base64");
    const decipher = createDecipheriv("aes-256-gcm", this.#keyOf(id), bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  }

  #keyOf(id: string): Uint8Array {
    const key = this.#keys.get(id);
    if (!key) {
      throw new Error(`the stack's data key was wrapped with key ${id}, which this service does not have`);
    }
    return key;
  }
}

function keyId(key: Uint8Array): string {
  return createHash("sha256").update("claw key id").update(key).digest("hex").slice(0, 16);
}

const ciphers = new Map<string, Promise<SecretsManager>>();

export async function createEnvelope(wrapper: KeyWrapper): Promise<{ wrappedKey: string; cipher: SecretsManager }> {
  const dataKey = randomBytes(32);
  return { wrappedKey: await wrapper.wrap(dataKey), cipher: createCipher(dataKey) };
}

export async function openEnvelope(wrapper: KeyWrapper, wrappedKey: string): Promise<SecretsManager> {
  const known = ciphers.get(wrappedKey);
  if (known) {
    return known;
  }
  const cipher = wrapper.unwrap(wrappedKey).then(createCipher);
  ciphers.set(wrappedKey, cipher);
  cipher.catch(() => ciphers.delete(wrappedKey));
  const oldest = ciphers.keys().next().value;
  if (ciphers.size > DATA_KEYS_CACHED && oldest !== undefined) {
    ciphers.delete(oldest);
  }
  return cipher;
}
