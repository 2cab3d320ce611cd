import type { z } from "zod";

type Json = z.core.util.JSONType;

/** What clients see in place of a secret; sent back, it means "unchanged". */
export const SECRET_MASK = "[secret]";

/** A secret value at rest: its ciphertext in place of the value. */
export type Sealed = { readonly $sealed: string };

export function isSealed(value: unknown): value is Sealed {
  return typeof value === "object" && value !== null && "$sealed" in value && typeof value.$sealed === "string";
}

interface Cipher {
  encrypt(plaintext: string): string;
  decrypt(ciphertext: string): string;
}

/**
 * Seals a value, keeping the former ciphertext when the value is the same, so that an unchanged secret is no change.
 * The mask stands for the former value.
 */
export function seal(value: Json, former: unknown, cipher: Cipher): Json {
  if (isSealed(value)) {
    return value as unknown as Json;
  }
  if (isSealed(former) && (value === SECRET_MASK || unseal(former, cipher) === JSON.stringify(value))) {
    return former as unknown as Json;
  }
  return { $sealed: cipher.encrypt(JSON.stringify(value)) };
}

function unseal(sealed: Sealed, cipher: Cipher): string {
  return cipher.decrypt(sealed.$sealed);
}

/** The plain value of a value that may be sealed. */
export function open(value: unknown, cipher: Cipher): unknown {
  return isSealed(value) ? JSON.parse(unseal(value, cipher)) : value;
}
