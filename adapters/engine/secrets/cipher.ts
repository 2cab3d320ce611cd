import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { SecretsManager } from "../operation.ts";

const TAG_BYTES = 16;

/** Pulumi's symmetric form: `v1:<base64 nonce>:<base64 ciphertext and tag>` under AES-256-GCM. */
export function createCipher(key: Uint8Array): SecretsManager {
  return {
    encrypt(plaintext) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", key, nonce);
      const sealed = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final(), cipher.getAuthTag()]);
      return `v1:${nonce.toString("base64")}:${sealed.toString("base64")}`;
    },
    decrypt(ciphertext) {
      const [version, nonce, sealed, ...rest] = ciphertext.split(":");
      if (version !== "v1" || nonce === undefined || sealed === undefined || rest.length > 0) {
        throw new Error("bad value: not a v1 ciphertext");
      }
      const bytes = Buffer.from(sealed, "base64");
      const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(nonce, "base64"), { authTagLength: TAG_BYTES });
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      return Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()]).toString("utf8");
    },
  };
}
