import { describe, it } from "vitest";
import { SecretRules } from "../../../service/domain/configs/secret-rules.ts";

const rules = new SecretRules({ secretKeys: [] });

describe("a URL as a value", () => {
  it.for([
    ["postgres://claw:hunter2@db.example/claw", true],
    ["postgres://claw:a@hunter2@db.example/claw", true],
    ["https://user:${NAME:-hunter2}@host", true],
    ["https://user:${PASSWORD}@host/", false],
    ["https://user@host:8080/", false],
    ["https://user:@host", false],
    ["https://host/path:x@y", false],
    ["https://host:8080", false],
  ] as const)("is secret where it has a password in it: %s", ([value, isSecret], { expect }) => {
    expect(rules.isSecret(["endpoint"], value)).toBe(isSecret);
  });

  it("is judged in a time that goes with its length", ({ expect }) => {
    // With its square this takes minutes, and nobody else is answered.
    const began = performance.now();
    expect(rules.isSecret(["endpoint"], `a://${":".repeat(500_000)}`)).toBe(false);
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});
