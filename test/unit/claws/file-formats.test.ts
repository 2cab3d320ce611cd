import fc from "fast-check";
import { parse as parseIni } from "ini";
import { parse as parseToml } from "smol-toml";
import { describe, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { filledTemplate, wholeText } from "../../../adapters/claws/manifest/file-formats.ts";

/** Texts that break a file whose writer does not quote them. */
const text = fc.oneof(
  fc.string(),
  fc.constantFrom('a"b', "x\ny=1", "[section]", "; no", "# no", "a = b", "${X}", " padded ", "true", "1", ""),
);
const key = fc.stringMatching(/^[a-z][a-zA-Z0-9_]{0,8}$/);
const scalar = fc.oneof(
  text,
  fc.boolean(),
  fc.integer({ min: -1_000_000, max: 1_000_000 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const tree = fc.dictionary(key, fc.oneof(scalar, fc.array(scalar, { maxLength: 4 }), fc.dictionary(key, scalar, { maxKeys: 4 })), {
  maxKeys: 6,
});
const plain = (value: unknown) => JSON.parse(JSON.stringify(value));
const PARSERS: Readonly<Record<"json" | "yaml" | "toml", (text: string) => unknown>> = {
  json: JSON.parse,
  yaml: parseYaml,
  toml: parseToml,
};

describe("a file of a claw type", () => {
  it.for(["json", "yaml", "toml"] as const)("says in %s what the variables say, to the byte the same each time", (format, { expect }) => {
    fc.assert(
      fc.property(tree, (config) => {
        const written = wholeText(format, config);
        expect(plain(PARSERS[format](written))).toEqual(plain(config));
        expect(wholeText(format, Object.fromEntries(Object.entries(config).reverse()))).toBe(written);
      }),
    );
  });

  it.for(["json", "yaml", "toml"] as const)("has in %s a placeholder's value as one whole value", (format, { expect }) => {
    const template = { json: '{"v": {{v}}, "w": 1}', yaml: "v: {{v}}\nw: 1\n", toml: "v = {{ v }}\nw = 1\n" }[format];
    fc.assert(
      fc.property(fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }), fc.dictionary(key, scalar, { maxKeys: 3 })), (v) => {
        expect(plain(PARSERS[format](filledTemplate(format, template, () => v)))).toEqual(plain({ v, w: 1 }));
      }),
    );
  });

  it("has in INI and in an environment no line that a value made", ({ expect }) => {
    fc.assert(
      fc.property(text, (v) => {
        const ini = filledTemplate("ini", "[a]\nv = {{v}}\nw = 1\n", () => v);
        expect(Object.keys(parseIni(ini))).toEqual(["a"]);
        expect(Object.keys(parseIni(ini)["a"]).sort()).toEqual(["v", "w"]);
        expect(filledTemplate("env", "V={{v}}\nW=1\n", () => v).split("\n")).toHaveLength(3);
        expect(wholeText("env", { v }).split("\n")).toHaveLength(2);
      }),
    );
  });

  it("has sections in INI, names in an environment, and a text as it is", ({ expect }) => {
    const config = { reply: { wordDelayMs: 5, prefix: "a;b" }, name: "x", none: null };
    expect(wholeText("ini", config)).toBe("name=x\n\n[reply]\nprefix=a\\;b\nwordDelayMs=5\n");
    expect(wholeText("env", config)).toBe('NAME="x"\nNONE=""\nREPLY_PREFIX="a;b"\nREPLY_WORD_DELAY_MS="5"\n');
    expect(filledTemplate("text", "Hello {{name}}!\n", () => "you")).toBe("Hello you!\n");
    expect(wholeText("toml", config)).toBe('name = "x"\n\n[reply]\nprefix = "a;b"\nwordDelayMs = 5\n');
  });
});
