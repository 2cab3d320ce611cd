/** Encrypts single values at rest, and derives stable secrets. */
export interface SecretCipher {
  encrypt(plaintext: string): string;
  /** @throws when it was made with a key that is not known. */
  decrypt(ciphertext: string): string;
  /** A secret that is the same for the same purpose and can't be guessed: agent tokens, instance tokens. */
  derive(purpose: string): string;
}

/** One whose key is changed by giving a new one along with the former. */
export interface RotatingCipher extends SecretCipher {
  /** Of the key that encrypts now. */
  readonly keyId: string;
  /** Whether a ciphertext was made with it. */
  isCurrent(ciphertext: string): boolean;
}
