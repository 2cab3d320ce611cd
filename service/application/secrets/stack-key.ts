import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";

/** The key that wraps the stacks' data keys, in base64. */
export function stackKey(cipher: SecretCipher): string {
  return Buffer.from(cipher.derive("stack-key"), "base64url").toString("base64");
}
