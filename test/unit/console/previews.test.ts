import { createTwoFilesPatch } from "diff";
import fc from "fast-check";
import { describe, it } from "vitest";
import type { PreviewItem } from "../../../sdk/contract/index.ts";
import { hunksOf } from "../../../service/console/plans/diff-rows.ts";
import { reachOf } from "../../../service/console/previews/reach.ts";

describe("a file's change as two sides", () => {
  it("puts what goes beside what comes in its place, with the numbers of both", ({ expect }) => {
    const [hunk] = hunksOf(createTwoFilesPatch("a", "b", "one\ntwo\nthree\n", "one\n2\nand\nthree\n"));
    expect(hunk?.rows).toEqual([
      { kind: "same", before: { number: 1, text: "one" }, after: { number: 1, text: "one" } },
      { kind: "changed", before: { number: 2, text: "two" }, after: { number: 2, text: "2" } },
      { kind: "changed", before: undefined, after: { number: 3, text: "and" } },
      { kind: "same", before: { number: 3, text: "three" }, after: { number: 4, text: "three" } },
    ]);
  });

  it("has every line of both sides in its order, whatever the files are", ({ expect }) => {
    const files = fc.array(fc.constantFrom("a", "b", "", "- c", "+ d", "@@ -1 +1 @@"), { maxLength: 12 });
    fc.assert(
      fc.property(files, files, (left, right) => {
        const text = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join("");
        const rows = hunksOf(createTwoFilesPatch("a", "b", text(left), text(right), "", "", { context: 99 })).flatMap((hunk) => hunk.rows);
        if (rows.length > 0) {
          expect(rows.flatMap(({ before }) => (before ? [before.text] : []))).toEqual(left);
          expect(rows.flatMap(({ after }) => (after ? [after.text] : []))).toEqual(right);
        } else {
          expect(left).toEqual(right);
        }
      }),
    );
  });

  it("is nothing where only secrets differ", ({ expect }) => {
    expect(hunksOf("--- a/x\n+++ b/x\n# only secret values differ\n")).toEqual([]);
  });
});

describe("whom a change reaches", () => {
  const item = (name: string, effect: PreviewItem["effect"], cluster: string) =>
    ({ kind: "ClawInstance", name, tenant: "acme", effect, placement: { cluster } }) as PreviewItem;

  it("is counted by what happens, and by what there is more than one of", ({ expect }) => {
    const items = [item("a", "restart", "local"), item("b", "restart", "prod"), item("c", "hot-reload", "prod")];
    const rings = new Map([
      ["a", "first"],
      ["b", "last"],
    ]);
    expect(reachOf(items, (name) => rings.get(name))).toEqual([
      [
        "effect",
        [
          ["restart", 2],
          ["hot-reload", 1],
        ],
      ],
      [
        "cluster",
        [
          ["prod", 2],
          ["local", 1],
        ],
      ],
      [
        "ring",
        [
          ["first", 1],
          ["last", 1],
        ],
      ],
    ]);
    expect(reachOf([item("a", "restart", "local")], () => undefined)).toEqual([]);
  });
});
