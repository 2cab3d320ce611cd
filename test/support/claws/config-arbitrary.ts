import fc from "fast-check";
import { isTree } from "../../../service/domain/configs/config-path.ts";

type Schema = Readonly<Record<string, unknown>>;

/** Texts of many kinds: of each format that a setting may ask for, some that have it and many that don't. */
const TEXTS =
  "|x|a b|30m|soon|08:00|https://x.example/y|http://|/abs/path|rel/path|*|gpt-5|openai/gpt-5|main|UTC|123|+15551234567|~/.x|[|é".split("|");
const NUMBERS = [0, 1, -1, 2, 5, 60, 1000, 0.5, 100_000, 1e9];
const KEYS = ["main", "alpha", "x-1", "openai", "telegram"];
const DEPTH_MAX = 6;

/** Small configs that have the types of a JSON schema. @param without dotted keys that are left out; `*` stands for any key */
export function configOf(schema: Schema, without: readonly string[]): fc.Arbitrary<Record<string, unknown>> {
  const isLeftOut = (path: string) =>
    without.some((pattern) => new RegExp(`^${pattern.replaceAll(".", "\\.").replaceAll("*", "[^.]+")}$`).test(path));
  return fc.gen().map((g) => {
    const pick = <T>(values: readonly T[]): T => values[g(fc.nat, values.length - 1)] as T;
    const chance = (percent: number) => g(fc.nat, 99) < percent;

    const objectOf = (node: Schema, defs: Schema, path: string, depth: number) => {
      const properties = isTree(node["properties"]) ? node["properties"] : {};
      const required = Array.isArray(node["required"]) ? node["required"] : [];
      const known = Object.keys(properties).filter((key) => !isLeftOut(path === "" ? key : `${path}.${key}`));
      const chosen = new Set(depth >= DEPTH_MAX || known.length === 0 ? [] : [pick(known), pick(known)]);
      const needed = known.filter((key) => required.includes(key) && !(isTree(properties[key]) && "default" in properties[key]));
      const keys = [...chosen, ...needed].map((key) => [key, properties[key]] as const);
      const additional = node["additionalProperties"];
      const extra = isTree(additional) && chance(70) ? [[pick(KEYS), additional] as const] : [];
      return Object.fromEntries(
        [...keys, ...extra].map(([key, part]) => [key, sample(part, defs, path === "" ? key : `${path}.${key}`, depth + 1)]),
      );
    };

    const sample = (node: unknown, outer: Schema, path: string, depth: number): unknown => {
      if (!isTree(node)) {
        return pick<unknown>([true, 1, "x", {}]);
      }
      const defs = isTree(node["$defs"]) ? node["$defs"] : outer;
      const union = node["anyOf"] ?? node["oneOf"] ?? node["allOf"];
      if (typeof node["$ref"] === "string") {
        return sample(defs[node["$ref"].split("/").at(-1) ?? ""], defs, path, depth);
      }
      if ("const" in node) {
        return node["const"];
      }
      if (Array.isArray(node["enum"])) {
        return pick(node["enum"]);
      }
      if (Array.isArray(union)) {
        return sample(pick(union), defs, path, depth);
      }
      switch (Array.isArray(node["type"]) ? pick(node["type"]) : node["type"]) {
        case "string":
          return pick(TEXTS);
        case "number":
          return pick(NUMBERS);
        case "integer":
          return pick(NUMBERS.filter(Number.isInteger));
        case "boolean":
          return chance(50);
        case "array":
          return Array.from({ length: chance(30) ? 0 : 1 }, () => sample(node["items"], defs, `${path}.0`, depth + 1));
        case "object":
          return objectOf(node, defs, path, depth);
        default:
          return null;
      }
    };
    return objectOf(schema, {}, "", 0);
  });
}
