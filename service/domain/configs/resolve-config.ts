import {
  type ConfigTemplateSpec,
  type ConfigVariable,
  formatConfigKey,
  type Issue,
  matchesVariableType,
  parseConfigKey,
} from "../../../sdk/contract/index.ts";
import { type ConfigTree, dropAt, KeyMap, keyProblem, leafKeys, prune, scalars, setAt, valueAt } from "./config-path.ts";
import { ConfigLevel, type ConfigValue } from "./config-template.ts";
import { ENVIRONMENT } from "./environment.ts";
import { isReference, secretProblem } from "./references.ts";
import { KeyPatterns, SecretRules } from "./secret-rules.ts";

/** Where an effective value comes from, weakest first: the claw type's defaults, the template, a level. */
export type ConfigOrigin = "type" | "template" | ConfigLevel;

/** One key's effective value. */
export interface EffectiveValue {
  readonly value: unknown;
  readonly origin: ConfigOrigin;
  readonly secret: boolean;
}

export interface ConfigIssue extends Issue {
  /** It may still be supplied elsewhere: a secret that nobody has set yet. The instance is stored, and waits for it. */
  readonly pending?: boolean;
}

export interface ResolveConfigInput {
  /** The published template, its secrets opened; without one, the type's own defaults apply. */
  readonly template: ConfigTemplateSpec | undefined;
  /** The type's variables: key → default, null when it has none. */
  readonly defaults: Readonly<Record<string, unknown>>;
  /** The type's secret keys; `*` stands for one segment. */
  readonly secretKeys: readonly string[];
  /** The type's keys that only sound secret. */
  readonly plainKeys?: readonly string[] | undefined;
  /** Keys of values that were sealed where they are stored: secret for that reason alone. */
  readonly sealed?: Iterable<string>;
  /** Values of the levels, their secrets opened, in any order. */
  readonly values: readonly ConfigValue[];
  /** The instance's own, strongest of all; null takes a value away. */
  readonly overrides: readonly { readonly key: string; readonly value: unknown }[];
}

export interface ResolvedConfig {
  readonly unified: Readonly<ConfigTree>;
  /** Keys that have a value, with where it comes from (C2). */
  readonly origins: Readonly<Record<string, EffectiveValue>>;
  /** Keys of single values that are secret; indexes of lists are segments too. */
  readonly secrets: ReadonlySet<string>;
  readonly issues: readonly ConfigIssue[];
}

const STRENGTH: readonly ConfigLevel[] = [ConfigLevel.Global, ConfigLevel.Tenant, ConfigLevel.Project, ConfigLevel.Instance];

/**
 * Merges a config from its sources: type defaults < template (base under `native`, variable defaults) < global < tenant < project <
 * instance < overrides. Values that are shared by many instances apply where the template or the type declares their key and are
 * passed over elsewhere; what an instance sets itself always applies, and the adapter's validation refuses what it does not know.
 */
export function resolveConfig(input: ResolveConfigInput): ResolvedConfig {
  const merge = new Merge(input);
  for (const [key, value] of Object.entries(input.defaults)) {
    merge.set(key, value, "type");
  }
  for (const variable of input.template?.variables ?? []) {
    if (variable.default !== undefined) {
      merge.set(variable.name, variable.default, "template");
    }
  }
  for (const level of STRENGTH) {
    const own = input.values.filter((value) => value.level === level && (level === ConfigLevel.Instance || merge.isDeclared(value.key)));
    for (const { key, value } of own.toSorted((a, b) => (a.key < b.key ? -1 : 1))) {
      merge.set(key, value, level);
    }
  }
  const seen = new Set<string>();
  for (const { key, value } of input.overrides) {
    if (seen.has(key)) {
      merge.issues.push({ path: key, message: `'${key}' is overridden twice`, fix: "keep one of the overrides" });
    }
    seen.add(key);
    merge.set(key, value, ConfigLevel.Instance);
  }
  return merge.finish();
}

class Merge {
  readonly issues: ConfigIssue[] = [];
  readonly #variables: ReadonlyMap<string, ConfigVariable>;
  readonly #unified: ConfigTree;
  readonly #origins = new KeyMap<{ value: unknown; origin: ConfigOrigin }>();
  readonly #rules: SecretRules;
  readonly #declared: KeyPatterns;
  /** Trees that a value was taken from: those that are empty in the end go too. */
  readonly #robbed = new Set<ConfigTree>();

  constructor({ template, defaults, secretKeys, plainKeys, sealed = [], values }: ResolveConfigInput) {
    const variables = template?.variables ?? [];
    this.#variables = new Map(variables.map((variable) => [variable.name, variable]));
    const declared = [
      ...sealed,
      ...variables.filter((variable) => variable.secret).map((variable) => variable.name),
      ...values.filter((value) => value.secret).map((value) => value.key),
    ];
    this.#rules = new SecretRules({ secretKeys, plainKeys, declared });
    this.#declared = new KeyPatterns([...this.#variables.keys(), ...Object.keys(defaults), ...secretKeys, ENVIRONMENT]);
    this.#unified = template && Object.keys(template.base).length > 0 ? { native: structuredClone(template.base) } : {};
    for (const key of leafKeys(this.#unified)) {
      this.#origins.set(key, { value: undefined, origin: "template" });
    }
    const names = new Set<string>();
    for (const variable of variables) {
      if (names.size === names.add(variable.name).size) {
        this.issues.push({
          path: variable.name,
          message: `the template declares '${variable.name}' twice`,
          fix: "keep one of the declarations",
        });
      }
    }
  }

  /** Whether the template or the type has such a key, or one that it is a part of. */
  isDeclared(key: string): boolean {
    return this.#declared.covers(parseConfigKey(key));
  }

  set(key: string, value: unknown, origin: ConfigOrigin): void {
    const problem = keyProblem(key) ?? this.#typeProblem(key, value);
    if (problem !== undefined) {
      this.issues.push(typeof problem === "string" ? { path: key, message: problem } : problem);
      return;
    }
    this.#origins.forget(key);
    if (value === null || value === undefined) {
      const parent = dropAt(this.#unified, key);
      if (parent) {
        this.#robbed.add(parent);
      }
      return;
    }
    const obstacle = setAt(this.#unified, key, structuredClone(value));
    if (obstacle !== undefined) {
      const { origin: other } = this.#origins.get(obstacle) ?? { origin: "template" };
      this.issues.push({
        path: key,
        message: `can't be set beneath '${obstacle}', which is a plain value (set by: ${other})`,
        fix: `remove one of '${key}' and '${obstacle}'`,
      });
      return;
    }
    this.#origins.set(key, { value, origin });
  }

  finish(): ResolvedConfig {
    prune(this.#unified, this.#robbed);
    for (const variable of this.#variables.values()) {
      if (variable.required && !this.#hasValue(variable.name)) {
        this.issues.push({
          path: variable.name,
          message: `the required variable '${variable.name}' has no value${variable.description && ` (${variable.description})`}`,
          fix: `set it for the instance (spec.config.overrides), its project, its tenant or globally`,
          ...(variable.secret && { pending: true }),
        });
      }
    }
    const secrets = new Set<string>();
    // Keys of the secrets and of what holds them.
    const holders = new Set<string>();
    for (const [path, value] of scalars(this.#unified, isReference)) {
      if (!this.#rules.isSecret(path, value)) {
        continue;
      }
      const key = formatConfigKey(path);
      const problem = typeof value === "string" ? secretProblem(value) : undefined;
      if (problem) {
        this.issues.push({ path: key, ...problem });
      }
      secrets.add(key);
      for (let length = path.length; length > 0; length--) {
        holders.add(formatConfigKey(path.slice(0, length)));
      }
    }
    const set = [...this.#origins.entries()];
    // A template's base is native config: one entry for each of its leaves, without a variable's name.
    const origins = set.map(([key, { value, origin }]): [string, EffectiveValue] => [
      key,
      { value: value ?? valueAt(this.#unified, key), origin, secret: holders.has(key) },
    ]);
    return {
      unified: this.#unified,
      origins: Object.fromEntries(origins.toSorted(([a], [b]) => (a < b ? -1 : 1))),
      secrets,
      issues: this.issues,
    };
  }

  #hasValue(key: string): boolean {
    return valueAt(this.#unified, key) !== undefined;
  }

  #typeProblem(key: string, value: unknown): ConfigIssue | undefined {
    const type = this.#variables.get(key)?.type;
    if (type === undefined || value === null || value === undefined || matchesVariableType(type, value)) {
      return undefined;
    }
    return {
      path: key,
      message: `'${key}' is ${nameOfType(value)}, the template declares ${withArticle(type)}`,
      fix: fixOfType(type, this.#rules.isSecret(parseConfigKey(key), value) ? undefined : value),
    };
  }
}

function nameOfType(value: unknown): string {
  return withArticle(Array.isArray(value) ? "array" : typeof value);
}

function withArticle(type: string): string {
  return `${/^[aeiou]/.test(type) ? "an" : "a"} ${type}`;
}

function fixOfType(type: ConfigVariable["type"], value: unknown): string {
  if (type === "string" && (typeof value === "number" || typeof value === "boolean")) {
    return `write it in quotes: "${value}"`;
  }
  if (typeof value === "string" && type !== "string") {
    try {
      if (matchesVariableType(type, JSON.parse(value))) {
        return `write it without quotes: ${value}`;
      }
    } catch {
      return `give ${withArticle(type)}`;
    }
  }
  return `give ${withArticle(type)}`;
}
