import { createHash, createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import type { AuditSigner } from "../../service/application/ports/audit/audit-signer.ts";
import type { SecretCipher } from "../../service/application/ports/secrets/secret-cipher.ts";

/** What stands before an Ed25519 key's 32 bytes in PKCS#8 (RFC 8410). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

/** Of a key that is derived from the master key, and stays the same when that one is changed. */
export function createAuditSigner(cipher: Pick<SecretCipher, "derive">): AuditSigner {
  const seed = createHash("sha256").update(cipher.derive("audit-signing-key")).digest();
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: "der", type: "pkcs8" });
  const publicKey = createPublicKey(key);
  return {
    publicKey: publicKey.export({ format: "der", type: "spki" }).toString("base64"),
    sign: (text) => sign(undefined, Buffer.from(text), key).toString("base64url"),
    verify: (text, signature) => verify(undefined, Buffer.from(text), publicKey, Buffer.from(signature, "base64url")),
  };
}
