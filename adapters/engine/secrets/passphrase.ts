import { createHash, pbkdf2, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import type { SecretsManager } from "../operation.ts";
import { createCipher } from "./cipher.ts";

const ITERATIONS = 1_000_000;
const KEYS_CACHED = 256;
const deriveKey = promisify(pbkdf2);

// One derivation is 0.2 to 0.3 CPU-seconds, and an operation of the Automation API is several commands.
const keys = new Map<string, Promise<Buffer>>();

async function keyFor(passphrase: string, salt: Buffer): Promise<Buffer> {
  const id = createHash("sha256").update(salt).update(passphrase).digest("base64");
  let key = keys.get(id);
  if (!key) {
    key = deriveKey(passphrase, salt, ITERATIONS, 32, "sha256");
    keys.set(id, key);
    const oldest = keys.keys().next().value;
    if (keys.size > KEYS_CACHED && oldest !== undefined) {
      keys.delete(oldest);
    }
  }
  return key;
}

/** Pulumi's passphrase secrets provider; the state is what it keeps as `encryptionsalt`. */
export async function createPassphrase(passphrase: string): Promise<{ salt: string; cipher: SecretsManager }> {
  const salt = randomBytes(8);
  const cipher = createCipher(await keyFor(passphrase, salt));
  return { salt: `v1:${salt.toString("base64")}:${cipher.encrypt("pulumi")}`, cipher };
}

/** @throws when the passphrase is not the one that made the state. */
export async function openPassphrase(passphrase: string, state: string): Promise<SecretsManager> {
  const [version, salt, ...probe] = state.split(":");
  if (version !== "v1" || salt === undefined || probe.length !== 3) {
    throw new Error("malformed state value");
  }
  const cipher = createCipher(await keyFor(passphrase, Buffer.from(salt, "base64")));
  let opened: string | undefined;
  try {
    opened = cipher.decrypt(probe.join(":"));
  } catch {
    // A wrong key fails the authentication tag: the same answer as a wrong probe.
  }
  if (opened !== "pulumi") {
    throw new Error("incorrect passphrase");
  }
  return cipher;
}
