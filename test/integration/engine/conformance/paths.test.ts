import * as pulumi from "@pulumi/pulumi";
import { describe } from "vitest";
import { conformanceSuite } from "../../../support/engine/conformance.ts";
import { Component, Plain, Provider, Thing, Vague } from "../../../support/engine/test-resources.ts";

const conformance = conformanceSuite();

type Args = Record<string, unknown>;
type PathCase = readonly [name: string, before: Args, after: Args, paths: readonly string[]];
const { secret } = pulumi;

/** Each is a resource of its own in one program. */
const wellFormed: readonly PathCase[] = [
  ["a star in a list of maps", { l: [{ x: 1, y: 1 }] }, { l: [{ x: 2, y: 2 }] }, ["l[*].x"]],
  ["a star over a list of maps that grows", { l: [{ x: 1 }] }, { l: [{ x: 2 }, { x: 3 }] }, ["l[*].x"]],
  ["a star over a list of maps that shrinks", { l: [{ x: 1 }, { x: 2 }] }, { l: [{ x: 3 }] }, ["l[*].x"]],
  ["a star over a list that grows", { l: [1] }, { l: [2, 3] }, ["l[*]"]],
  ["a star over a list that shrinks", { l: [1, 2] }, { l: [3] }, ["l[*]"]],
  ["a star below a map", { m: { a: 1, b: 2 } }, { m: { a: 3, c: 4 } }, ["m.*"]],
  ["a star in the middle of maps", { m: { a: { x: 1, y: 1 }, b: { x: 1 } } }, { m: { a: { x: 2, y: 2 }, b: { x: 3 } } }, ["m.*.x"]],
  ["a star in the middle, a key added", { m: { a: { x: 1 } } }, { m: { a: { x: 2 }, b: { x: 3 } } }, ["m.*.x"]],
  ["a star in the middle, the key removed", { m: { b: { x: 3 } } }, { m: { a: { x: 2 } } }, ["m.*.x"]],
  ["a star alone", { a: 1, b: 2 }, { a: 2, c: 3 }, ["*"]],
  ["a star at the root", { a: { x: 1 }, b: { x: 2 } }, { a: { x: 3 }, b: { x: 4 } }, ["*.x"]],
  ["a quoted key", { a: { "foo.bar/baz": 1, z: 1 } }, { a: { "foo.bar/baz": 2, z: 2 } }, ['a["foo.bar/baz"]']],
  ["a quoted key at the root", { "foo.bar": 1 }, { "foo.bar": 2 }, ['["foo.bar"]']],
  ["a quoted key with quotes", { a: { 'q"t': 1 } }, { a: { 'q"t': 2 } }, ['a["q\\"t"]']],
  ["a quoted star", { a: { "*": 1, b: 2 } }, { a: { "*": 2, b: 3 } }, ['a["*"]']],
  ["a key with a dot, unquoted", { a: { "foo.bar": 1 } }, { a: { "foo.bar": 2 } }, ["a.foo.bar"]],
  ["an index", { l: [1, 2] }, { l: [3, 4] }, ["l[1]"]],
  ["an index with a sign and zeros", { l: [1, 2] }, { l: [3, 4] }, ["l[+1]", "l[00]"]],
  ["an index beyond the old list", { l: [1] }, { l: [1, 2] }, ["l[1]"]],
  ["an index beyond the new list", { l: [1, 2] }, { l: [1] }, ["l[1]"]],
  ["an index beyond both", { l: [1] }, { l: [2] }, ["l[5]"]],
  ["below an index beyond the old list", { l: [{ x: 1 }] }, { l: [{ x: 1 }, { x: 2 }] }, ["l[1].x"]],
  ["below an index beyond both", { l: [{ x: 1 }] }, { l: [{ x: 2 }] }, ["l[5].x"]],
  ["a negative index", { l: [1] }, { l: [2] }, ["l[-1]"]],
  ["an index of a map", { m: { "0": 1 } }, { m: { "0": 2 } }, ["m[0]"]],
  ["a name of a list's element", { l: [1] }, { l: [2] }, ["l.0"]],
  ["lists in lists", { l: [[1, 2], [3]] }, { l: [[4, 5], [6]] }, ["l[0][1]", "l[*][0]"]],
  ["a property that is added", {}, { n: 1 }, ["n"]],
  ["a property that is removed", { n: 1 }, {}, ["n"]],
  ["below what is added", {}, { m: { x: 1 } }, ["m.x"]],
  ["below what is removed", { m: { x: 1 } }, {}, ["m.x"]],
  ["a key that is added", { m: { y: 1 } }, { m: { x: 1, y: 2 } }, ["m.x"]],
  ["a key that is removed", { m: { x: 1, y: 1 } }, { m: { y: 2 } }, ["m.x"]],
  ["below a map that becomes a number", { m: { x: 1 } }, { m: 5 }, ["m.x"]],
  ["below a number that becomes a map", { m: 5 }, { m: { x: 1 } }, ["m.x"]],
  ["below a list that becomes a map", { m: [1] }, { m: { x: 1 } }, ["m.x", "m[0]"]],
  ["null that becomes a value", { m: null }, { m: 1 }, ["m"]],
  ["a value that becomes null", { m: 1 }, { m: null }, ["m"]],
  ["below what was secret", { a: secret({ x: 1 }) }, { a: { x: 2 } }, ["a.x"]],
  ["below what is secret and was", { a: secret({ x: 1 }) }, { a: secret({ x: 2 }) }, ["a.x"]],
  ["what was secret", { a: secret(1) }, { a: 2 }, ["a"]],
  ["a star over what was secret", { a: secret([1, 2]) }, { a: [3, 4] }, ["a[*]"]],
  ["a star over secrets", { a: [secret({ x: 1 })] }, { a: [{ x: 2 }] }, ["a[*].x"]],
  ["two properties", { a: 1, b: 1 }, { a: 2, b: 2 }, ["a", "b"]],
  ["a name in another spelling", { fooBar: 1 }, { fooBar: 2 }, ["foo_bar", "FooBar"]],
  ["names of every object's own", { m: { x: 1 } }, { m: { x: 1, constructor: 2 } }, ["m.constructor", "toString", "m.toString.x"]],
];
const malformed: readonly PathCase[] = [
  ["a dot first", { a: 1 }, { a: 2 }, [".a"]],
  ["a dot last", { a: 1 }, { a: 2 }, ["a."]],
  ["an open bracket", { a: 1 }, { a: 2 }, ["a["]],
  ["an open bracket with an index", { a: 1 }, { a: 2 }, ["a[1"]],
  ["an open quote", { a: 1 }, { a: 2 }, ['a["x']],
  ["an open bracket after a quote", { a: 1 }, { a: 2 }, ['a["x"']],
  ["a name in brackets", { a: 1 }, { a: 2 }, ["a[x]"]],
  ["empty brackets", { a: 1 }, { a: 2 }, ["a[]"]],
  ["a fraction", { a: [1] }, { a: [2] }, ["a[1.5]"]],
];
/** Odd, and taken. */
const tolerated: readonly PathCase[] = [
  ["an empty path", { a: 1 }, { a: 2 }, [""]],
  ["two dots", { a: { b: 1 } }, { a: { b: 2 } }, ["a..b"]],
  ["a dot before a bracket", { a: [1] }, { a: [2] }, ["a.[0]"]],
  ["a closing bracket", { a: [1, 2] }, { a: [2, 3] }, ["a]"]],
];

const kinds: Readonly<Record<string, (name: string, args: Args, options: object) => void>> = {
  "a resource": (name, args, options) => void new Thing(name, args, options),
  "a resource whose provider tells keys": (name, args, options) => void new Plain(name, args, options),
  "a resource whose provider tells nothing": (name, args, options) => void new Vague(name, args, options),
  "a component": (name, args, options) => void new Component(name, args, options),
  "a provider": (name, args, options) => void new Provider(name, args, options),
};

describe("ignoreChanges", () => {
  const cases = [...wellFormed, ...malformed, ...tolerated];
  for (const [kind, make] of Object.entries(kinds)) {
    conformance(`of ${kind} keeps what the paths name, and tells of those that can't be kept`, async ({ stack, expect }) => {
      const ignored = () => {
        for (const [name, , after, ignoreChanges] of cases) {
          make(name, after, { ignoreChanges });
        }
      };
      await stack.up(() => {
        for (const [name, before] of cases) {
          make(name, before, {});
        }
      });
      const preview = await stack.preview(ignored);
      expect(preview.ok).toBe(true);
      expect(preview.diagnostics).toContain('info: cannot ignore changes in added or removed elements of the path: "l[1]"');
      await stack.up(ignored);
      // Whatever could not be kept was written: nothing is left to change.
      expect((await stack.up(ignored)).ok).toBe(true);
    });
  }
});

describe("replaceOnChanges", () => {
  for (const [kind, make] of Object.entries(kinds)) {
    conformance(`of ${kind} replaces for the paths that it names`, async ({ stack, expect }) => {
      const cases = [...wellFormed, ...tolerated];
      await stack.up(() => {
        for (const [name, before] of cases) {
          make(name, before, {});
        }
      });
      const up = await stack.up(() => {
        for (const [name, , after, replaceOnChanges] of cases) {
          make(name, after, { replaceOnChanges });
        }
      });
      expect(up.ok).toBe(true);
    });
  }

  conformance("with a malformed path fails where something has changed, and says what is wrong", async ({ stack, expect }) => {
    await stack.up(() => {
      for (const [name, before] of malformed) {
        new Thing(name, before);
      }
    });
    for (const [name, , after, replaceOnChanges] of malformed) {
      const up = await stack.up(() => void new Thing(name, after, { replaceOnChanges: [...replaceOnChanges] }));
      expect(up.ok).toBe(false);
    }
    const [name, before, , replaceOnChanges] = malformed[0] as PathCase;
    expect((await stack.up(() => void new Thing(name, before, { replaceOnChanges: [...replaceOnChanges] }))).ok).toBe(true);
  });
});

describe("hideDiffs", () => {
  const program = (size: number, hideDiffs: string[]) => () => void new Thing("a", { size, m: { y: size } }, { hideDiffs } as object);

  conformance("is stored in the normal form of its paths", async ({ stack, expect }) => {
    await stack.up(program(1, ["size", "m.y", "m[*]", 'm["foo.bar"]', "m[0]"]));
    expect(await stack.resource("a")).toMatchObject({ hideDiff: ["size", "m.y", 'm["*"]', 'm["foo.bar"]', "m[0]"] });
    expect((await stack.up(program(2, ["size"]))).changes).toEqual({ same: 1, update: 1 });
  });

  conformance("with a malformed path fails the program", async ({ stack, expect }) => {
    const up = await stack.up(program(1, ["size", "m["]));
    expect(up.message).toContain("1: missing closing bracket in array index");
  });
});
