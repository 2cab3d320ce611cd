import { safe as safeIni, stringify as stringifyIni } from "ini";
import { parse as parseToml, stringify as stringifyToml } from "smol-toml";
import { parse as parseYaml, stringify as stringifyYaml } from "yaml";
import type { ClawTypeSpec } from "../../../sdk/contract/index.ts";
import { isTree, leafKeys, valueAt } from "../../../service/domain/configs/config-path.ts";
import { sortKeys, stableJson } from "../json.ts";
import { secretEnvName } from "../secret-references.ts";
import { TEMPLATE_PLACEHOLDER } from "./claw-manifest.ts";

type Format = ClawTypeSpec["files"][number]["format"];
type Tree = Readonly<Record<string, unknown>>;

/** All of a config as a file of that format: the same config gives the same bytes. */
export function wholeText(format: Format, config: Tree): string {
  switch (format) {
    case "json":
      return stableJson(config);
    case "yaml":
      return stringifyYaml(config, { sortMapEntries: true });
    case "toml":
      return stringifyToml(sortKeys(withoutNulls(config)));
    case "ini":
      return stringifyIni(sortKeys(withoutNulls(config)), { platform: "linux" });
    case "env":
    case "text":
      return leafKeys(config)
        .toSorted()
        .map((key) => `${envName(key)}=${literal("env", valueAt(config, key))}\n`)
        .join("");
  }
}

/** Formats whose values are what they were when they were written. */
const READERS: Readonly<Partial<Record<Format, (text: string) => unknown>>> = { json: JSON.parse, yaml: parseYaml, toml: parseToml };

export function isReadable(format: Format): boolean {
  return READERS[format] !== undefined;
}

/** What a text of that format says; undefined of one that can't be read. */
export function treeIn(format: Format, content: string): Record<string, unknown> | undefined {
  try {
    const value = READERS[format]?.(content);
    return isTree(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The template with each `{{key}}` replaced by that value, as the format writes one. */
export function filledTemplate(format: Format, template: string, at: (key: string) => unknown): string {
  return template.replaceAll(TEMPLATE_PLACEHOLDER, (_whole, key: string) => literal(format, at(key)));
}

function literal(format: Format, value: unknown): string {
  switch (format) {
    case "json":
    case "yaml":
      return JSON.stringify(value ?? null);
    case "toml":
      return tomlLiteral(value ?? "");
    case "ini":
      return safeIni(textOf(value ?? ""));
    case "env":
      return JSON.stringify(textOf(value ?? ""));
    case "text":
      return textOf(value ?? "");
  }
}

function tomlLiteral(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(tomlLiteral).join(", ")}]`;
  }
  if (isTree(value)) {
    const items = Object.entries(value).map(([name, item]) => `${JSON.stringify(name)} = ${tomlLiteral(item)}`);
    return `{ ${items.join(", ")} }`;
  }
  // There is no way but in a table.
  return stringifyToml({ v: value }).slice("v = ".length).trimEnd();
}

/** Neither TOML nor INI has a value that is none. */
function withoutNulls(tree: Tree): Record<string, unknown> {
  const kept = Object.entries(tree).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(kept.map(([key, value]) => [key, isTree(value) ? withoutNulls(value) : value]));
}

/** `reply.wordDelayMs` → `REPLY_WORD_DELAY_MS`. */
function envName(key: string): string {
  return secretEnvName(key).replace("CLAW_SECRET_", "");
}

export function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
