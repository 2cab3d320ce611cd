import type { StackRef } from "../contract/store.ts";
import { type NamingRules, type NamingStrategy, RANDOM_PART } from "../deployment/autonaming.ts";
import { type PlainConfig, splitConfigPath, valueAt } from "./config-values.ts";
import { CommandFailure, ExitCode } from "./failure.ts";

const KEY = "pulumi:autonaming";
const RANDOM_CHARACTERS_MAX = 1000;

type Section = Readonly<Record<string, unknown>>;

/** Reads `pulumi:autonaming`. @throws {CommandFailure} in the CLI's words when it is nonsense */
export function autonamingOf(config: PlainConfig, ref: StackRef): NamingRules | undefined {
  const value = config.get(KEY);
  if (!value) {
    return undefined;
  }
  const structure = "failed to parse autonaming config: invalid autonaming config structure";
  const root: unknown = value.object ? JSON.parse(value.value) : value.value;
  const section = sectionOf(root, "autonaming", ["mode", "pattern", "enforce", "providers"], structure);
  const fallback = strategyOf(section, "failed to resolve root naming config", config, ref);
  const packages = Object.entries(mapOf(section["providers"], "providers", structure)).map(([name, given]) => {
    const provider = sectionOf(given, `providers.${name}`, ["mode", "pattern", "enforce", "resources"], structure);
    const own = strategyOf(provider, `failed to resolve naming config for provider "${name}"`, config, ref);
    const types = Object.entries(mapOf(provider["resources"], `providers.${name}.resources`, structure)).map(([type, inner]) => {
      const resource = sectionOf(inner, `providers.${name}.resources.${type}`, ["mode", "pattern", "enforce"], structure);
      const strategy = strategyOf(resource, `failed to resolve naming config for resource "${type}"`, config, ref);
      return [type, strategy ?? fail(`mode or pattern must be specified for resource "${type}"`)] as const;
    });
    return [name, { fallback: own ?? fallback ?? { mode: "default" }, types: new Map(types) }] as const;
  });
  return { fallback: fallback ?? { mode: "default" }, packages: new Map(packages) };
}

/** @returns undefined when the section says nothing of it */
function strategyOf(section: Section, where: string, config: PlainConfig, ref: StackRef): NamingStrategy | undefined {
  const { mode, pattern, enforce } = section;
  if (mode !== undefined && (pattern !== undefined || enforce !== undefined)) {
    fail(`${where}: cannot specify both mode and pattern/enforce`);
  }
  if (typeof pattern === "string") {
    return { pattern: resolved(pattern, where, config, ref), isEnforced: enforce === true };
  }
  if (enforce !== undefined) {
    fail(`${where}: pattern must be specified when enforce is true`);
  }
  if (mode === undefined) {
    return undefined;
  }
  return mode === "default" || mode === "verbatim" || mode === "disabled"
    ? { mode }
    : fail(`${where}: invalid naming mode: ${String(mode)}`);
}

/** The pattern with what is the same for all resources of the stack. */
function resolved(pattern: string, where: string, config: PlainConfig, { project, stack }: StackRef): string {
  const text = pattern
    .replaceAll("${organization}", () => "organization")
    .replaceAll("${project}", () => project)
    .replaceAll("${stack}", () => stack)
    .replace(/\$\{config\.([^}]+)\}/g, (_match, key: string) => {
      const target = splitConfigPath(project, `${project}:${key}`);
      const value = config.get(target.key);
      const found = value && (target.path.length === 0 ? value.value : value.object && valueAt(value.value, target.path)?.text);
      return found || fail(`${where}: no value found for key "${key}"`);
    });
  for (const [part, , length] of text.matchAll(RANDOM_PART)) {
    if (Number(length) > RANDOM_CHARACTERS_MAX) {
      fail(`${where}: ${part} is longer than ${RANDOM_CHARACTERS_MAX} characters`);
    }
  }
  return text;
}

function sectionOf(value: unknown, path: string, keys: readonly string[], structure: string): Section {
  const section = mapOf(value, path, structure);
  for (const [key, inner] of Object.entries(section)) {
    if (!keys.includes(key)) {
      fail(`${structure}: json: unknown field "${key}"`);
    }
    const type = { mode: "string", pattern: "string", enforce: "boolean" }[key];
    if (type !== undefined && typeof inner !== type) {
      fail(`${structure}: ${path}.${key} must be a ${type}, not ${JSON.stringify(inner)}`);
    }
  }
  return section;
}

function mapOf(value: unknown, path: string, structure: string): Section {
  if (value === undefined) {
    return {};
  }
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Section)
    : fail(`${structure}: ${path} must be an object, not ${JSON.stringify(value)}`);
}

function fail(problem: string): never {
  throw new CommandFailure(ExitCode.Failed, `getting autonaming config: ${problem}`);
}
