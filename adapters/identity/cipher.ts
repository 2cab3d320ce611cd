import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hkdfSync, type KeyObject, randomBytes } from "node:crypto";
import type { RotatingCipher } from "../../service/application/ports/secrets/secret-cipher.ts";

const FORMAT = "claw1";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

interface Keys {
  readonly id: string;
  readonly encryption: Uint8Array;
  readonly derivation: Uint8Array;
}

/**
 * AES-256-GCM under a key. A ciphertext, `claw1.<key id>.<nonce, tag and text>`, names its key: after a rotation the new key
 * encrypts, and the former ones still decrypt.
 */
export class SecretCipherAes implements RotatingCipher {
  readonly #current: Keys;
  readonly #byId: ReadonlyMap<string, Keys>;
  /** As the key that the library wants: it takes five times as long to make one of bytes as to derive something. */
  readonly #derivation: KeyObject;

  /**
   * @param formerKeys keys of the past, newest first
   * @param derivation what secrets are derived from, in base64; made of the oldest key where none is given
   */
  constructor(key: Uint8Array, formerKeys: readonly Uint8Array[] = [], derivation?: string) {
    const former = formerKeys.map(toKeys);
    this.#current = toKeys(key);
    // Derived secrets are held by running agents: they stay what they were.
    const { derivation: made } = former.at(-1) ?? this.#current;
    this.#derivation = createSecretKey(derivation === undefined ? made : Buffer.from(derivation, "base64"));
    this.#byId = new Map([...former, this.#current].map((keys) => [keys.id, keys]));
  }

  get keyId(): string {
    return this.#current.id;
  }

  /** What secrets are derived from, in base64. */
  get derivation(): string {
    return this.#derivation.export().toString("base64");
  }

  isCurrent(ciphertext: string): boolean {
    return ciphertext.startsWith(`${FORMAT}.${this.#current.id}.`);
  }

  encrypt(plaintext: string): string {
    const header = `${FORMAT}.${this.#current.id}`;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.#current.encryption, nonce);
    cipher.setAAD(Buffer.from(header));
    const text = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final()]);
    return `${header}.${Buffer.concat([nonce, cipher.getAuthTag(), text]).toString("base64url")}`;
  }

  decrypt(ciphertext: string): string {
    const [format, id, body, ...rest] = ciphertext.split(".");
    if (format !== FORMAT || id === undefined || body === undefined || rest.length > 0) {
      throw new Error("not a ciphertext of this service");
    }
    const keys = this.#byId.get(id);
    if (!keys) {
      throw new Error(`the secret was encrypted with the key '${id}', which is not known; give that key too`);
    }
    const bytes = Buffer.from(body, "base64url");
    const decipher = createDecipheriv("aes-256-gcm", keys.encryption, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(`${format}.${id}`));
    decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]).toString("utf8");
  }

  derive(purpose: string): string {
    return createHmac("sha256", this.#derivation).update(purpose).digest("base64url");
  }
}

/** How ciphertexts name a key. */
export function keyIdOf(key: Uint8Array): string {
  return toKeys(key).id;
}

function toKeys(key: Uint8Array): Keys {
  if (key.length !== KEY_BYTES) {
    throw new RangeError(`a key has ${KEY_BYTES} bytes, not ${key.length}`);
  }
  const subkey = (use: string) => new Uint8Array(hkdfSync("sha256", key, "", `claw ${use}`, KEY_BYTES));
  return {
    id: Buffer.from(subkey("key id")).toString("hex").slice(0, 8),
    encryption: subkey("encryption"),
    derivation: subkey("derivation"),
  };
}
