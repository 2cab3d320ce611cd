import fc from "fast-check";
import { describe, it } from "vitest";
import { type ConfigVariable, ConfigVariableSchema } from "../../../../sdk/contract/index.ts";
import { ConfigLevel, type ConfigValue } from "../../../../service/domain/configs/config-values.ts";
import { constraintProblem, patternProblem } from "../../../../service/domain/configs/constraints.ts";
import { extendTemplate } from "../../../../service/domain/configs/extend-template.ts";
import { resolveConfig } from "../../../../service/domain/configs/resolve-config.ts";

const variable = (fields: object): ConfigVariable => ConfigVariableSchema.parse({ name: "a.key", type: "string", ...fields });

describe("a variable's constraints", () => {
  it.for<{ name: string; of: object; good: unknown; bad: unknown; fix: string }>([
    { name: "enum", of: { enum: ["a", "b"] }, good: "b", bad: "c", fix: 'give one of "a", "b"' },
    { name: "pattern", of: { pattern: "^claude-" }, good: "claude-x", bad: "gpt", fix: "give a text that matches ^claude-" },
    { name: "length", of: { minLength: 2, maxLength: 3 }, good: "ab", bad: "a", fix: "give at least 2 characters" },
    { name: "range", of: { type: "number", minimum: 1, maximum: 5 }, good: 5, bad: 6, fix: "give at most 5" },
    { name: "items", of: { type: "array", items: "string" }, good: ["a"], bad: ["a", 1], fix: "give a list of which each is a string" },
    { name: "size", of: { type: "array", maxItems: 1 }, good: [], bad: [1, 2], fix: "give at most 1 items" },
  ])("$name", ({ of, good, bad, fix }, { expect }) => {
    expect(constraintProblem(variable(of), good)).toBeUndefined();
    expect(constraintProblem(variable(of), bad)).toMatchObject({ fix });
    expect(constraintProblem(variable({ ...of, message: "ask the platform team" }), bad)?.message).toBe("ask the platform team");
  });

  it.for([
    { of: { minimum: 1 }, path: "minimum" },
    { of: { type: "number", pattern: "x" }, path: "pattern" },
    { of: { merge: "append" }, path: "merge" },
    { of: { enum: ["a", 1] }, path: "enum.1" },
  ])("$path is refused where it can't hold", ({ of, path }, { expect }) => {
    const { error } = ConfigVariableSchema.safeParse({ name: "a.key", type: "string", ...of });
    expect(error?.issues.map((issue) => issue.path.join("."))).toEqual([path]);
  });

  it("takes patterns that stay linear, and says why another is none", ({ expect }) => {
    expect(patternProblem("^(a+)+$")).toBeUndefined();
    expect(constraintProblem(variable({ pattern: "^(a+)+$" }), `${"a".repeat(20_000)}!`)).toBeDefined();
    expect(patternProblem("(?=x)")).toMatchObject({ message: expect.stringContaining("RE2") });
  });
});

describe("values of one level", () => {
  const leaf = fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.dictionary(fc.constantFrom("a", "b"), fc.integer()));
  const key = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 }).map((names) => names.join("."));
  const entries = fc.uniqueArray(fc.tuple(key, leaf), { selector: ([name]) => name, maxLength: 8 });
  const given = (level: ConfigLevel, values: readonly (readonly [string, unknown])[]): ConfigValue[] =>
    values.map(([name, value]) => ({ level, key: name, value, secret: false, locked: false, of: level, setting: undefined }));
  const resolve = (values: readonly ConfigValue[]) =>
    resolveConfig({ template: undefined, defaults: { a: null, b: null, c: null }, secretKeys: [], values, overrides: [] });

  it("come to the same in whichever order they are written", ({ expect }) => {
    fc.assert(
      fc.property(entries, entries, fc.infiniteStream(fc.double({ noNaN: true })), (tenant, instance, order) => {
        const written = [...given(ConfigLevel.Tenant, tenant), ...given(ConfigLevel.Instance, instance)];
        const shuffled = written.map((value) => ({ value, at: order.next().value })).toSorted((a, b) => a.at - b.at);
        expect(resolve(shuffled.map(({ value }) => value)).unified).toEqual(resolve(written).unified);
      }),
    );
  });

  it("that are locked are as they are, whatever stronger levels say", ({ expect }) => {
    fc.assert(
      fc.property(key, fc.integer(), entries, (name, value, stronger) => {
        const locked = given(ConfigLevel.Tenant, [[name, value]]).map((entry) => ({ ...entry, locked: true }));
        const at = (unified: unknown) =>
          name.split(".").reduce<unknown>((tree, part) => (tree as Record<string, unknown>)?.[part], unified);
        expect(at(resolve([...locked, ...given(ConfigLevel.Project, stronger)]).unified)).toBe(value);
      }),
    );
  });

  it("come behind those of weaker levels where their variable says so, and take their place elsewhere", ({ expect }) => {
    const template = (merge?: string) => ({
      ...{ description: "", adapter: "EchoAdapter", version: "1.0.0", base: {} },
      variables: [variable({ name: "a", type: "array", default: ["t"], ...(merge && { merge }) })],
    });
    const values = [...given(ConfigLevel.Project, [["a", ["p"]]]), ...given(ConfigLevel.Tenant, [["a", ["x"]]])];
    const of = (merge?: string) =>
      resolveConfig({ template: template(merge), defaults: {}, secretKeys: [], values, overrides: [] }).unified;
    expect([of("append"), of()]).toEqual([{ a: ["t", "x", "p"] }, { a: ["p"] }]);
  });
});

describe("a template that extends another", () => {
  it("has what that has, and its own in its place", ({ expect }) => {
    const spec = { description: "", adapter: "EchoAdapter", version: "1.0.0" };
    const parent = {
      ...spec,
      groups: [{ name: "model" }],
      variables: [variable({ name: "a" }), variable({ name: "b" })],
      base: { x: { y: 1, z: [1] } },
    };
    const own = { ...spec, extends: "parent", variables: [variable({ name: "b", default: "own" })], base: { x: { z: [2] } } };
    expect(extendTemplate(own, parent)).toEqual({
      ...spec,
      groups: [{ name: "model" }],
      variables: [variable({ name: "a" }), variable({ name: "b", default: "own" })],
      base: { x: { y: 1, z: [2] } },
    });
  });
});
