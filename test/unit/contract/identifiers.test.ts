import { describe, it } from "vitest";
import { pathBelow, VersionSchema } from "../../../sdk/contract/index.ts";

describe("pathBelow", () => {
  it("joins what stays below the folder", ({ expect }) => {
    expect(pathBelow("/data/", "software", "@scope/claw", "1.0.0")).toBe("/data/software/@scope/claw/1.0.0");
    expect(pathBelow("/data", "..hidden", "a..b")).toBe("/data/..hidden/a..b");
  });

  it.for(["..", "../x", "a/../../x", "/etc", "", ".", "a//b", "a/", "a\\b", "a\0b"])("refuses %j", (part, { expect }) => {
    expect(() => pathBelow("/data", "first", part)).toThrow("is not a path below '/data'");
  });
});

describe("VersionSchema", () => {
  it("takes versions, and nothing that leads elsewhere when it is a folder's name", ({ expect }) => {
    const taken = ["2026.9.6", "1.0.0-beta.2+build.7", "latest", "..", ".", "../x", "a/b", "", " 1", "1\0"].filter(
      (version) => VersionSchema.safeParse(version).success,
    );
    expect(taken).toEqual(["2026.9.6", "1.0.0-beta.2+build.7", "latest"]);
  });
});
