import { type PlainConfig, sortedJson } from "./config-values.ts";
import { CommandFailure, ExitCode } from "./failure.ts";

/** One entry under `config` of `Pulumi.yaml`. */
export interface DeclaredConfig {
  /** As the file has it. */
  readonly name: string;
  /** With its namespace. */
  readonly key: string;
  readonly type?: string;
  readonly items?: ItemsType;
  readonly secret: boolean;
  readonly fallback?: unknown;
  readonly value?: unknown;
}
interface ItemsType {
  readonly type: string;
  readonly items?: ItemsType;
}

/** Reads what a project declares. A value alone is a default of the project's own keys and the value of others'. @throws {CommandFailure} */
export function readDeclaredConfig(project: string, declared: unknown): DeclaredConfig[] {
  if (typeof declared !== "object" || declared === null) {
    return [];
  }
  return Object.entries(declared).map(([name, given]) => {
    const isOwn = !name.includes(":") || name.startsWith(`${project}:`);
    const key = name.includes(":") ? name : `${project}:${name}`;
    const isTyped = typeof given === "object" && given !== null && !Array.isArray(given);
    const entry: Readonly<Record<string, unknown>> = isTyped ? given : isOwn ? { default: given } : { value: given };
    const { type, items, default: fallback = null, value = null } = entry;
    const config: DeclaredConfig = {
      name,
      key,
      ...(typeof type === "string" && { type }),
      ...(isItemsType(items) && { items }),
      secret: entry["secret"] === true,
      ...(fallback !== null && { fallback }),
      ...(value !== null && { value }),
    };
    const problem = problemOf(config, isOwn);
    if (problem) {
      throw new CommandFailure(ExitCode.Failed, `could not validate 'Pulumi.yaml': ${problem}`);
    }
    return config;
  });
}

function problemOf({ name, type, items, fallback, value }: DeclaredConfig, isOwn: boolean): string | undefined {
  if (fallback !== undefined && value !== undefined) {
    return `project config '${name}' cannot have both a 'default' and 'value' attribute`;
  }
  if (isOwn) {
    if (type === "array" && !items) {
      return `The configuration key '${name}' declares an array but does not specify the underlying type via the 'items' attribute`;
    }
    return type !== undefined && fallback !== undefined && !isOfType(type, items, fallback)
      ? `The default value specified for configuration key '${name}' is not of the expected type '${typeName(type, items)}'`
      : undefined;
  }
  if (type !== undefined) {
    return `Configuration key '${name}' is not namespaced by the project and should not define a type`;
  }
  if (fallback !== undefined) {
    return (
      `Configuration key '${name}' is not namespaced by the project and should not define a default value. ` +
      "Did you mean to use the 'value' attribute instead of 'default'?"
    );
  }
  return value === undefined ? `Configuration key '${name}' is namespaced and must provide an attribute 'value'` : undefined;
}

/** The stack's config with what the project declares for the keys that it lacks. */
export function withDeclared(config: PlainConfig, declared: readonly DeclaredConfig[]): PlainConfig {
  const merged = new Map(config);
  for (const { key, value, fallback } of declared) {
    const plain = fallback ?? value;
    if (!merged.has(key) && plain !== undefined) {
      merged.set(key, plainValue(plain));
    }
  }
  return merged;
}

/** @throws {CommandFailure} when a declared key is missing, or has a value of another type */
export function validateConfig(stack: string, config: PlainConfig, declared: readonly DeclaredConfig[]): void {
  const sorted = declared.toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const fail = (problem: string): never => {
    throw new CommandFailure(ExitCode.Failed, `validating stack config: Stack '${stack}' ${problem}`);
  };
  const missing = sorted.filter(({ key }) => !config.has(key)).map(({ name }) => `'${name}'`);
  if (missing.length > 0) {
    const last = missing.at(-1);
    const keys = missing.length === 1 ? last : `${missing.slice(0, -1).join(", ")} and ${last}`;
    fail(`is missing configuration ${missing.length === 1 ? "value" : "values"} ${keys}`);
  }
  for (const { name, key, type, items, secret } of sorted) {
    const found = config.get(key);
    if (type === undefined || !found) {
      continue;
    }
    if (secret && !found.secret) {
      fail(`with configuration key '${name}' must be encrypted as it's secret`);
    }
    if (!isOfType(type, items, found.object ? JSON.parse(found.value) : found.value)) {
      fail(`with configuration key '${name}' must be of type '${typeName(type, items)}'`);
    }
  }
}

export function plainValue(value: unknown): { value: string; secret: boolean; object?: boolean } {
  if (value !== null && typeof value === "object") {
    return { value: sortedJson(value as Parameters<typeof sortedJson>[0]), secret: false, object: true };
  }
  return { value: String(value), secret: false };
}

function isItemsType(items: unknown): items is ItemsType {
  return typeof items === "object" && items !== null && "type" in items && typeof items.type === "string";
}
function typeName(type: string, items: ItemsType | undefined): string {
  return items ? `array<${typeName(items.type, items.items)}>` : type;
}
function isOfType(type: string, items: ItemsType | undefined, value: unknown): boolean {
  switch (type) {
    case "string":
      return typeof value === "string";
    case "integer":
      return typeof value === "string" ? /^[+-]?\d+$/.test(value) : Number.isInteger(value);
    case "boolean":
      return typeof value === "boolean" || value === "true" || value === "false";
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    default:
      return Array.isArray(value) && items !== undefined && value.every((item) => isOfType(items.type, items.items, item));
  }
}
