/** Signs the heads of the audit log's chains. Whoever has the public key can verify them without the service. */
export interface AuditSigner {
  /** SPKI, base64. */
  readonly publicKey: string;
  /** Ed25519, base64url. */
  sign(text: string): string;
  verify(text: string, signature: string): boolean;
}
