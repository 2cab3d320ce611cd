import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, it } from "vitest";
import { SecretCipherAes } from "../../../adapters/identity/cipher.ts";

describe("SecretCipherAes", () => {
  it("decrypts what it encrypted, whatever the text", () => {
    const cipher = new SecretCipherAes(randomBytes(32));
    fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => cipher.decrypt(cipher.encrypt(text)) === text));
  });

  it("never encrypts twice to the same", ({ expect }) => {
    const cipher = new SecretCipherAes(randomBytes(32));
    expect(cipher.encrypt("same")).not.toBe(cipher.encrypt("same"));
  });

  it("refuses a ciphertext of which any character was changed", ({ expect }) => {
    const cipher = new SecretCipherAes(randomBytes(32));
    const ciphertext = cipher.encrypt("secret");
    for (let at = 0; at < ciphertext.length - 1; at++) {
      const other = ciphertext[at] === "A" ? "B" : "A";
      expect(() => cipher.decrypt(ciphertext.slice(0, at) + other + ciphertext.slice(at + 1))).toThrow();
    }
    expect(() => cipher.decrypt(ciphertext.slice(0, -4))).toThrow();
    expect(() => cipher.decrypt(ciphertext.slice(0, 24))).toThrow();
  });

  it("decrypts with a former key after a rotation and encrypts with the new one", ({ expect }) => {
    const [former, current] = [randomBytes(32), randomBytes(32)];
    const before = new SecretCipherAes(former).encrypt("secret");
    const rotated = new SecretCipherAes(current, [former]);
    expect(rotated.decrypt(before)).toBe("secret");
    expect(new SecretCipherAes(current).decrypt(rotated.encrypt("new"))).toBe("new");
  });

  it("names the key that is missing", ({ expect }) => {
    const ciphertext = new SecretCipherAes(randomBytes(32)).encrypt("secret");
    const keyId = ciphertext.split(".")[1];
    expect(() => new SecretCipherAes(randomBytes(32)).decrypt(ciphertext)).toThrow(`'${keyId}'`);
  });

  it("derives the same secret for the same purpose, and another for another", ({ expect }) => {
    const key = randomBytes(32);
    const secret = new SecretCipherAes(key).derive("agent-token:ins_1");
    expect(new SecretCipherAes(key).derive("agent-token:ins_1")).toBe(secret);
    expect(new SecretCipherAes(key).derive("agent-token:ins_2")).not.toBe(secret);
    expect(new SecretCipherAes(randomBytes(32)).derive("agent-token:ins_1")).not.toBe(secret);
    expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  it("derives as before while the former key is kept", ({ expect }) => {
    const former = randomBytes(32);
    const rotated = new SecretCipherAes(randomBytes(32), [former]);
    expect(rotated.derive("p")).toBe(new SecretCipherAes(former).derive("p"));
  });

  it("refuses a key of another length", ({ expect }) => {
    expect(() => new SecretCipherAes(randomBytes(16))).toThrow("32 bytes");
  });
});
