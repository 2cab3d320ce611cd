import { describe, it } from "vitest";
import { digestToken, isSameToken, isWellFormed, newToken } from "../../../../service/domain/access/tokens.ts";

describe("API tokens", () => {
  it("have the prefix that scanners look for, and 256 random bits", ({ expect }) => {
    const tokens = Array.from({ length: 100 }, newToken);
    for (const token of tokens) {
      expect(token).toMatch(/^claw_[1-9A-HJ-NP-Za-km-z]{50}$/);
    }
    expect(new Set(tokens).size).toBe(100);
  });

  it("are stored as their SHA-256", ({ expect }) => {
    expect(digestToken("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });

  it("are compared whole, whatever their lengths", ({ expect }) => {
    const token = newToken();
    expect(isSameToken(token, token)).toBe(true);
    expect(isSameToken(token, `${token}x`)).toBe(false);
    expect(isSameToken(token, "")).toBe(false);
  });

  it("are told from what was mistyped or made up, before anybody looks for them", ({ expect }) => {
    const token = newToken();
    expect(isWellFormed(token)).toBe(true);
    const last = token.endsWith("2") ? "3" : "2";
    expect(isWellFormed(`${token.slice(0, -1)}${last}`)).toBe(false);
    expect(isWellFormed(`${token.slice(0, 9)}${token[9] === "2" ? "3" : "2"}${token.slice(10)}`)).toBe(false);
    // What an administrator has set, or a provider has signed, has another form.
    expect(isWellFormed("an-administrators-own")).toBe(true);
    expect(isWellFormed("x".repeat(20_000))).toBe(false);
  });
});
