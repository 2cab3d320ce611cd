import { describe, it } from "vitest";
import { nearestTests } from "../../support/nearest-tests.ts";

const imports = (...paths: string[]) => paths.map((path) => `import "${path}";`).join("\n");

describe("the tests of what has changed", () => {
  const sources = new Map([
    ["adapters/postgres/session.ts", ""],
    ["adapters/postgres/lists.ts", imports("./session.ts")],
    ["service/main.ts", imports("../adapters/postgres/lists.ts")],
    ["test/support/service.ts", `spawn(resolve("service/main.ts"))`],
    ["test/unit/postgres/session.test.ts", imports("../../../adapters/postgres/session.ts")],
    ["test/integration/application/lists.test.ts", imports("../../../adapters/postgres/lists.ts")],
    ["test/integration/postgres/lists.test.ts", imports("../../../adapters/postgres/lists.ts")],
    ...Array.from({ length: 8 }, (_, n): [string, string] => [
      `test/integration/service/t${n}.test.ts`,
      imports("../../support/service.ts"),
    ]),
    ["test/unit/other.test.ts", ""],
  ]);

  it("are all fast ones that reach it, and of those with real servers the nearest, with programs that are started", ({ expect }) => {
    const { files, left } = nearestTests(sources, ["adapters/postgres/session.ts"]);
    expect(files).toEqual([
      "test/unit/postgres/session.test.ts",
      "test/integration/application/lists.test.ts",
      "test/integration/postgres/lists.test.ts",
      ...[0, 1, 2, 3].map((n) => `test/integration/service/t${n}.test.ts`),
    ]);
    expect(left).toBe(4);
  });

  it("are a changed test itself, and none where nothing reaches it", ({ expect }) => {
    expect(nearestTests(sources, ["test/unit/other.test.ts"]).files).toEqual(["test/unit/other.test.ts"]);
    expect(nearestTests(sources, ["docs/concepts.md"])).toEqual({ files: [], left: 0 });
  });
});
