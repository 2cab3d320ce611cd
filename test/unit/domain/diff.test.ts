import fc from "fast-check";
import { describe, it } from "vitest";
import { diffFiles, diffValues } from "../../../service/domain/diff.ts";

describe("diffValues", () => {
  it("names each changed leaf with before and after", ({ expect }) => {
    const before = { spec: { running: true, resources: { cpu: "1" }, tags: ["a"] } };
    const after = { spec: { running: false, resources: { cpu: "1", memory: "2Gi" }, tags: ["a", "b"] } };
    expect(diffValues(before, after)).toEqual([
      { path: "spec.resources.memory", kind: "add", after: '"2Gi"' },
      { path: "spec.running", kind: "update", before: "true", after: "false" },
      { path: "spec.tags", kind: "update", before: '["a"]', after: '["a","b"]' },
    ]);
  });

  it("compares keyed lists by key, whatever their order", ({ expect }) => {
    const before = {
      overrides: [
        { key: "a.b", value: 1 },
        { key: "c", value: 2 },
      ],
    };
    const after = {
      overrides: [
        { key: "c", value: 2 },
        { key: "a.b", value: 5 },
      ],
    };
    expect(diffValues(before, after)).toEqual([{ path: "overrides[a.b].value", kind: "update", before: "1", after: "5" }]);
  });

  it("shows that a secret changed and neither value", ({ expect }) => {
    const before = { overrides: [{ key: "model.apiKey", value: "old" }], sealed: { $sealed: "one" } };
    const after = { overrides: [{ key: "model.apiKey", value: "new" }], sealed: { $sealed: "two" } };
    expect(diffValues(before, after, new Set(["overrides[model.apiKey].value"]))).toEqual([
      { path: "overrides[model.apiKey].value", kind: "update", before: "[secret]", after: "[secret]" },
      { path: "sealed", kind: "update", before: "[secret]", after: "[secret]" },
    ]);
  });

  it("lists every leaf of something new or gone", ({ expect }) => {
    expect(diffValues(undefined, { a: { b: 1 }, c: [], secret: [{ $sealed: "x" }] })).toEqual([
      { path: "a.b", kind: "add", after: "1" },
      { path: "c", kind: "add", after: "[]" },
      { path: "secret", kind: "add", after: '["[secret]"]' },
    ]);
    expect(diffValues({ a: { b: 1 } }, undefined)).toEqual([{ path: "a.b", kind: "delete", before: "1" }]);
  });

  it("is empty exactly for equal values", ({ expect }) => {
    const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)));
    fc.assert(
      fc.property(json, json, (a, b) => {
        expect(diffValues({ v: a }, { v: structuredClone(a) })).toEqual([]);
        expect(diffValues({ v: a }, { v: b }).length === 0).toBe(JSON.stringify(sorted(a)) === JSON.stringify(sorted(b)));
      }),
    );
  });
});

describe("diffFiles", () => {
  it("gives a unified diff per file and nothing for an unchanged one", ({ expect }) => {
    const before = [
      { path: "same.json", content: "{}\n" },
      { path: "claw.json", content: '{\n  "a": 1,\n  "b": 2\n}\n' },
    ];
    const after = [
      { path: "same.json", content: "{}\n" },
      { path: "claw.json", content: '{\n  "a": 1,\n  "b": 3\n}\n' },
      { path: "new.txt", content: "hello\n" },
    ];
    expect(diffFiles(before, after)).toMatchInlineSnapshot(`
      [
        {
          "diff": "--- a/claw.json
      +++ b/claw.json
      @@ -1,4 +1,4 @@
       {
         "a": 1,
      -  "b": 2
      +  "b": 3
       }
      ",
          "path": "claw.json",
        },
        {
          "diff": "--- /dev/null
      +++ b/new.txt
      @@ -0,0 +1,1 @@
      +hello
      ",
          "path": "new.txt",
        },
        {
          "diff": "",
          "path": "same.json",
        },
      ]
    `);
  });

  it("masks secrets, escaped ones too, and says so when only they differ", ({ expect }) => {
    const file = (secret: string) => [{ path: "a.json", content: JSON.stringify({ secret }) }];
    const [same] = diffFiles(file('p"w1'), file('p"w2'), ['p"w1', 'p"w2']);
    expect(same?.diff).toBe("--- a/a.json\n+++ b/a.json\n# only secret values differ\n");
    const [added] = diffFiles([], file('p"w1'), ['p"w1']);
    expect(added?.diff).toContain('{"secret":"[secret]"}');
  });
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(sorted);
  }
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, item]) => [key, sorted(item)]),
    );
  }
  return value;
}
