import { describe, it } from "vitest";
import { digestToken, isSameToken, newToken } from "../../../../service/domain/access/tokens.ts";

describe("API tokens", () => {
  it("have the prefix that scanners look for, and 256 random bits", ({ expect }) => {
    const tokens = Array.from({ length: 100 }, newToken);
    for (const token of tokens) {
      expect(token).toMatch(/^claw_[1-9A-HJ-NP-Za-km-z]{44}$/);
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
});
