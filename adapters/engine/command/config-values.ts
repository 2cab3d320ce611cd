import { findPath, type PropertyPath } from "../contract/property-path.ts";
import type { StoredStack } from "../contract/store.ts";
import type { SecretsManager } from "../operation.ts";
import { CommandFailure, ExitCode } from "./failure.ts";

export type ConfigValue = StoredStack["config"][string];
/** Config in clear, as the program gets it. */
export type PlainConfig = ReadonlyMap<string, { value: string; secret: boolean; object?: boolean }>;
export type StoredConfig = Readonly<Record<string, ConfigValue>>;
type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** `key` without a namespace belongs to the project. */
export function qualifyKey(project: string, key: string): string {
  return key.includes(":") ? key : `${project}:${key}`;
}

/** Splits `ns:name.inner[0]["odd.key"]` into the config key and the path inside its value. */
export function splitConfigPath(project: string, text: string): { key: string; path: PropertyPath } {
  const colon = text.indexOf(":");
  const [first, ...path] = findPath(colon < 0 ? text : text.slice(colon + 1)) ?? [];
  if (typeof first !== "string") {
    throw invalid(`invalid config key path "${text}"`);
  }
  return { key: qualifyKey(project, colon < 0 ? first : `${text.slice(0, colon)}:${first}`), path };
}

/** A value for the store. Inside objects a secret is `{"secure": ciphertext}`, as in Pulumi's own stack files. */
export function withConfigValue(
  config: StoredConfig,
  target: { key: string; path: PropertyPath },
  value: string,
  secret: boolean,
  secrets: SecretsManager,
): StoredConfig {
  if (target.path.length === 0) {
    return { ...config, [target.key]: { value: secret ? secrets.encrypt(value) : value, secure: secret } };
  }
  const leaf: Json = secret ? { secure: secrets.encrypt(value) } : typedLeaf(value);
  const existing = config[target.key];
  const root = existing?.object ? (JSON.parse(existing.value) as Json) : undefined;
  const changed = setAt(root, target.path, leaf, target.key);
  return { ...config, [target.key]: objectValue(changed) };
}

export function withoutConfigValue(config: StoredConfig, target: { key: string; path: PropertyPath }): StoredConfig {
  const existing = config[target.key];
  if (!existing) {
    return config;
  }
  if (target.path.length === 0) {
    const { [target.key]: _removed, ...others } = config;
    return others;
  }
  if (!existing.object) {
    return config;
  }
  const root = JSON.parse(existing.value) as Json;
  removeAt(root, target.path);
  return { ...config, [target.key]: objectValue(root) };
}

/** The value in clear; objects as compact JSON with their secrets opened. */
export function revealConfigValue(value: ConfigValue, secrets: SecretsManager): string {
  if (!value.secure) {
    return value.value;
  }
  if (!value.object) {
    return secrets.decrypt(value.value);
  }
  return sortedJson(mapSecure(JSON.parse(value.value), (ciphertext) => secrets.decrypt(ciphertext)));
}

/** What lies at a path of a revealed value, as the text `config get --path` prints. */
export function valueAt(revealed: string, path: PropertyPath): { text: string; object?: Json } | undefined {
  let at: Json | undefined = JSON.parse(revealed) as Json;
  for (const step of path) {
    if (Array.isArray(at)) {
      at = typeof step === "number" ? at[step] : undefined;
    } else {
      at = at !== null && typeof at === "object" && Object.hasOwn(at, String(step)) ? at[String(step)] : undefined;
    }
    if (at === undefined) {
      return undefined;
    }
  }
  if (at !== null && typeof at === "object") {
    return { text: JSON.stringify(at), object: at };
  }
  return { text: typeof at === "string" ? at : JSON.stringify(at) };
}

/** Whether the value at a path of a stored object is, or holds, a secret. */
export function isSecureAt(value: ConfigValue, path: PropertyPath): boolean {
  if (!value.object || path.length === 0) {
    return value.secure;
  }
  const found = valueAt(value.value, path);
  return found?.object !== undefined && objectValue(found.object).secure;
}

export function objectValue(root: Json): ConfigValue {
  let secure = false;
  mapSecure(root, () => {
    secure = true;
    return "";
  });
  return { value: sortedJson(root), secure, object: true };
}

/** JSON with the keys in order, as Pulumi writes objects of a stack's config. */
export function sortedJson(value: Json): string {
  if (value === null || typeof value !== "object") {
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) {
    return `[${value.map(sortedJson).join(",")}]`;
  }
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${sortedJson(value[key] ?? null)}`).join(",")}}`;
}

function mapSecure(value: Json, map: (ciphertext: string) => Json): Json {
  if (Array.isArray(value)) {
    return value.map((item) => mapSecure(item, map));
  }
  if (value === null || typeof value !== "object") {
    return value;
  }
  const keys = Object.keys(value);
  if (keys.length === 1 && typeof value["secure"] === "string") {
    return map(value["secure"]);
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapSecure(item, map)]));
}

/** Inside an object, text that is a whole number or a boolean becomes one, as Pulumi does. */
function typedLeaf(text: string): Json {
  if (text === "true" || text === "false") {
    return text === "true";
  }
  if (/^(0|-?[1-9]\d*)$/.test(text) && Number.isSafeInteger(Number(text))) {
    return Number(text);
  }
  return text;
}

function setAt(root: Json | undefined, path: PropertyPath, leaf: Json, shown: string): Json {
  const [step, ...rest] = path;
  if (step === undefined) {
    return leaf;
  }
  if (typeof step === "number") {
    // A list that is not there yet is made long enough.
    const list = root === undefined ? Array<Json>(Math.max(0, step)).fill(null) : root;
    if (!Array.isArray(list)) {
      throw invalid(`${shown}: expected an array`);
    }
    if (step < 0 || step > list.length) {
      throw invalid(`${shown}: array index out of range`);
    }
    return list.toSpliced(step, 1, setAt(list[step], rest, leaf, `${shown}[${step}]`));
  }
  const map = root === undefined ? {} : root;
  if (map === null || typeof map !== "object" || Array.isArray(map)) {
    throw invalid(`${shown}: expected a map`);
  }
  if (step === "secure" && rest.length === 0 && typeof leaf === "string" && Object.keys(map).length === 0) {
    throw invalid('maps with the single key "secure" are reserved');
  }
  const before = Object.hasOwn(map, step) ? map[step] : undefined;
  return { ...map, [step]: setAt(before, rest, leaf, `${shown}.${step}`) };
}

function removeAt(root: Json, path: PropertyPath): void {
  const parent = path.slice(0, -1).reduce<Json | undefined>((at, step) => {
    if (Array.isArray(at)) {
      return typeof step === "number" ? at[step] : undefined;
    }
    return at !== null && typeof at === "object" ? at[String(step)] : undefined;
  }, root);
  const last = path.at(-1);
  if (Array.isArray(parent) && typeof last === "number") {
    parent.splice(last, 1);
  } else if (parent !== null && typeof parent === "object" && !Array.isArray(parent)) {
    delete parent[String(last)];
  }
}

function invalid(message: string): CommandFailure {
  return new CommandFailure(ExitCode.Failed, message);
}
