/** Encrypts single values at rest, and derives stable secrets. */
export interface SecretCipher {
  encrypt(plaintext: string): string;
  /** @throws when it was made with a key that is not known. */
  decrypt(ciphertext: string): string;
  /** A secret that is the same for the same purpose and can't be guessed: agent tokens, instance tokens. */
  derive(purpose: string): string;
}
