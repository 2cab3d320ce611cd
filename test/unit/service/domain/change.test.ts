import { describe, it } from "vitest";
import { changeKey, inWriteOrder, type PlannedChange } from "../../../../service/domain/change.ts";
import { digestOf } from "../../../../service/domain/digest.ts";

const apply = (kind: string, name: string) =>
  ({ action: "apply", tenant: "a", manifest: { kind, metadata: { name } } }) as unknown as PlannedChange;
const remove = (kind: string, name: string) => ({ action: "delete", tenant: "a", kind, name }) as PlannedChange;

describe("changes", () => {
  it("are written so that what others need comes first, and deleted the other way", ({ expect }) => {
    const changes = [
      remove("Tenant", "t"),
      remove("ClawInstance", "i"),
      apply("ClawInstance", "x"),
      apply("ConfigTemplate", "c"),
      apply("Tenant", "a"),
    ];
    expect(inWriteOrder(changes).map(changeKey)).toEqual([
      "Tenant/a/a",
      "ConfigTemplate/a/c",
      "ClawInstance/a/x",
      "ClawInstance/a/i",
      "Tenant/a/t",
    ]);
  });
});

describe("digests", () => {
  it("do not depend on the order of keys or on undefined", ({ expect }) => {
    expect(digestOf({ a: 1, b: [{ c: 2, d: undefined }] })).toBe(digestOf({ b: [{ c: 2 }], a: 1 }));
    expect(digestOf({ a: 1 })).not.toBe(digestOf({ a: 2 }));
  });
});
