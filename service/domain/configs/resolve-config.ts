import {
  type ConfigOrigin,
  type ConfigTemplateSpec,
  type ConfigVariable,
  formatConfigKey,
  type Issue,
  isKeyWithin,
  isSecretRef,
  isSecretVariable,
  matchesVariableType,
  parseConfigKey,
} from "../../../sdk/contract/index.ts";
import { secretRefsAt } from "../secrets/secret.ts";
import { type ConfigTree, dropAt, isTree, KeyMap, keyProblem, leafKeys, prune, scalars, setAt, valueAt } from "./config-path.ts";
import { ConfigLevel, type ConfigValue } from "./config-values.ts";
import { constraintProblem } from "./constraints.ts";
import { ENVIRONMENT } from "./environment.ts";
import { isReference, secretProblem } from "./references.ts";
import { KeyPatterns, SecretRules } from "./secret-rules.ts";

/** Something that gives a key a value. */
export interface Contribution {
  readonly key: string;
  /** Undefined for a leaf of a template's base: it stands in the unified config. */
  readonly value: unknown;
  readonly origin: ConfigOrigin;
  /** What of a level gives it; undefined for type and template. */
  readonly from: ConfigValue | undefined;
}

/** One key's effective value. */
export interface EffectiveValue {
  readonly value: unknown;
  readonly origin: ConfigOrigin;
  readonly secret: boolean;
  readonly from: ConfigValue | undefined;
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
  readonly overrides: readonly Override[];
}

export interface Override {
  readonly key: string;
  readonly value: unknown;
  readonly setting?: ConfigValue["setting"];
  readonly refers?: boolean;
}

export interface ResolvedConfig {
  readonly unified: Readonly<ConfigTree>;
  /** Keys that have a value, with where it comes from (C2). */
  readonly origins: Readonly<Record<string, EffectiveValue>>;
  /** Keys of single values that are secret; indexes of lists are segments too. */
  readonly secrets: ReadonlySet<string>;
  readonly issues: readonly ConfigIssue[];
  /** Everything that was given, whether it came to anything or not, weakest first. */
  readonly contributions: readonly Contribution[];
  /** Whether a value is secret where it stands, of whatever was given. */
  isSecret(path: readonly string[], value: unknown): boolean;
}

const STRENGTH: readonly ConfigLevel[] = [ConfigLevel.Global, ConfigLevel.Tenant, ConfigLevel.Project, ConfigLevel.Instance];

/**
 * Merges a config from its sources: type defaults < template (base under `native`, variable defaults) < global < tenant < project <
 * instance < overrides. Values that are shared by many instances apply where the template or the type declares their key and are
 * passed over elsewhere; what an instance sets itself always applies, and the adapter's validation refuses what it does not know.
 * Within a level a key goes before those beneath it, so that the order in which values are written says nothing. Null takes a key away, a
 * list takes another's place unless its variable says `merge: append`, and what a weaker level locks, stronger ones leave as it is.
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
    for (const value of own.toSorted(byKey)) {
      merge.set(value.key, value.value, level, value);
    }
    merge.lock(own);
  }
  const overrides = input.overrides.toSorted(byKey);
  for (const [index, { key, value, setting, refers = false }] of overrides.entries()) {
    if (overrides[index - 1]?.key === key) {
      merge.issues.push({ path: key, message: `'${key}' is overridden twice`, fix: "keep one of the overrides" });
    }
    const from = { level: ConfigLevel.Instance, key, value, secret: false, locked: false, of: undefined, setting, refers };
    merge.set(key, value, ConfigLevel.Instance, from);
  }
  return merge.finish();
}

/** The value that is locked, or holds what is locked, at a key. */
export function lockOn<T>(key: string, locked: ReadonlyMap<string, T>): T | undefined {
  if (locked.size === 0) {
    return undefined;
  }
  const path = parseConfigKey(key);
  return path.map((_, index) => locked.get(formatConfigKey(path.slice(0, index + 1)))).find((value) => value !== undefined);
}

/** A key before all that are beneath it. */
function byKey(a: { readonly key: string }, b: { readonly key: string }): number {
  return a.key < b.key ? -1 : a.key === b.key ? 0 : 1;
}

/** The keys that a template and a type have: where values of the levels apply. */
export function declaredKeys(
  template: Pick<ConfigTemplateSpec, "variables"> | undefined,
  { defaults, secretKeys }: Pick<ResolveConfigInput, "defaults" | "secretKeys">,
): KeyPatterns {
  const variables = template?.variables.map(({ name }) => name) ?? [];
  return new KeyPatterns([...variables, ...Object.keys(defaults), ...secretKeys, ENVIRONMENT]);
}

class Merge {
  readonly issues: ConfigIssue[] = [];
  readonly #contributions: Contribution[] = [];
  /** Keys that nothing stronger changes. */
  readonly #locked = new Map<string, ConfigValue>();
  readonly #variables: ReadonlyMap<string, ConfigVariable>;
  readonly #unified: ConfigTree;
  readonly #origins = new KeyMap<Contribution>();
  readonly #rules: SecretRules;
  readonly #declared: KeyPatterns;
  /** Trees that a value was taken from: those that are empty in the end go too. */
  readonly #robbed = new Set<ConfigTree>();

  constructor({ template, defaults, secretKeys, plainKeys, sealed = [], values }: ResolveConfigInput) {
    const variables = template?.variables ?? [];
    this.#variables = new Map(variables.map((variable) => [variable.name, variable]));
    const declared = [
      ...sealed,
      ...variables.filter(isSecretVariable).map((variable) => variable.name),
      ...values.filter((value) => value.secret).map((value) => value.key),
    ];
    this.#rules = new SecretRules({ secretKeys, plainKeys, declared });
    this.#declared = declaredKeys(template, { defaults, secretKeys });
    this.#unified = template && Object.keys(template.base).length > 0 ? { native: structuredClone(template.base) } : {};
    for (const key of leafKeys(this.#unified)) {
      const leaf = { key, value: undefined, origin: "template", from: undefined } as const;
      this.#origins.set(key, leaf);
      this.#contributions.push(leaf);
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

  /** From now on these are as they are. */
  lock(values: readonly ConfigValue[]): void {
    for (const value of values.filter(({ locked }) => locked)) {
      this.#locked.set(value.key, value);
    }
  }

  set(key: string, given: unknown, origin: ConfigOrigin, from?: ConfigValue): void {
    const contribution = { key, value: given, origin, from };
    this.#contributions.push(contribution);
    if (lockOn(key, this.#locked)) {
      return;
    }
    // What it would take with it stays.
    const kept = [...this.#locked.values()]
      .filter((locked) => isKeyWithin(locked.key, key))
      .map((locked) => ({ locked, value: valueAt(this.#unified, locked.key) }));
    const problem = keyProblem(key) ?? this.#typeProblem(contribution);
    if (problem !== undefined) {
      this.issues.push(typeof problem === "string" ? { path: key, message: problem } : problem);
      return;
    }
    this.#put({ ...contribution, value: this.#appended(key, given, origin) });
    for (const { locked, value } of kept) {
      this.#makeRoom(locked.key);
      this.#put({ key: locked.key, value, origin: locked.level, from: locked });
    }
  }

  /** Takes away a plain value that stands where a tree has to be. */
  #makeRoom(key: string): void {
    const path = parseConfigKey(key);
    for (let length = 1; length < path.length; length++) {
      const above = formatConfigKey(path.slice(0, length));
      const value = valueAt(this.#unified, above);
      if (value !== undefined && !isTree(value)) {
        dropAt(this.#unified, above);
        this.#origins.forget(above);
      }
    }
  }

  #put(contribution: Contribution): void {
    const { key, value } = contribution;
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
      const { origin: other } = this.#origins.get(obstacle) ?? { origin: "template" as const };
      this.issues.push({
        path: key,
        message: `can't be set beneath '${obstacle}', which is a plain value (set by: ${other})`,
        fix: `remove one of '${key}' and '${obstacle}'`,
      });
      return;
    }
    this.#origins.set(key, contribution);
  }

  /** A list behind what weaker levels put there, where its variable says so. */
  #appended(key: string, value: unknown, origin: ConfigOrigin): unknown {
    const former = valueAt(this.#unified, key);
    const isAppended = this.#variables.get(key)?.merge === "append" && origin !== "type" && origin !== "template";
    return isAppended && Array.isArray(value) && Array.isArray(former) ? [...former, ...value] : value;
  }

  finish(): ResolvedConfig {
    prune(this.#unified, this.#robbed);
    for (const variable of this.#variables.values()) {
      if (variable.required && !this.#hasValue(variable.name)) {
        this.issues.push({
          path: variable.name,
          message: `the required variable '${variable.name}' has no value${variable.description && ` (${variable.description})`}`,
          fix: `set it for the instance (spec.config.overrides), its project, its tenant or globally`,
          ...(isSecretVariable(variable) && { pending: true }),
        });
      }
    }
    for (const variable of this.#variables.values()) {
      const value = valueAt(this.#unified, variable.name);
      const problem = value === undefined || isReference(value) ? undefined : this.#constraintProblem(variable, value);
      if (problem) {
        this.issues.push(problem);
      }
    }
    for (const [path, name] of secretRefsAt(this.#unified)) {
      this.issues.push(missingSecret(formatConfigKey(path), name));
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
    const origins = set.map(([key, { value, origin, from }]): [string, EffectiveValue] => [
      key,
      { value: value ?? valueAt(this.#unified, key), origin, secret: holders.has(key), from },
    ]);
    return {
      unified: this.#unified,
      origins: Object.fromEntries(origins.toSorted(([a], [b]) => (a < b ? -1 : 1))),
      secrets,
      issues: this.issues,
      contributions: this.#contributions,
      isSecret: (path, value) => this.#rules.isSecret(path, value),
    };
  }

  #hasValue(key: string): boolean {
    return valueAt(this.#unified, key) !== undefined;
  }

  /** Of the value that won: what it hides is nobody's any more. */
  #constraintProblem(variable: ConfigVariable, value: unknown): ConfigIssue | undefined {
    const problem = matchesVariableType(variable.type, value) ? constraintProblem(variable, value) : undefined;
    const from = this.#origins.get(variable.name)?.from;
    const whose = from?.of === undefined ? "" : ` (given by the config values '${from.of}' of the level '${from.level}')`;
    return problem && { path: variable.name, message: `${problem.message}${whose}`, fix: problem.fix };
  }

  #typeProblem({ key, value, origin, from }: Contribution): ConfigIssue | undefined {
    const variable = this.#variables.get(key);
    if (variable === undefined || value === null || value === undefined || isSecretRef(value)) {
      return undefined;
    }
    const { type } = variable;
    if (type === "secretRef") {
      // A template's own default can be nothing else.
      return from?.refers || origin === "template" ? undefined : noReference(key);
    }
    if (matchesVariableType(type, value)) {
      return undefined;
    }
    return {
      path: key,
      message: `'${key}' is ${nameOfType(value)}, the template declares ${withArticle(type)}`,
      fix: fixOfType(type, this.#rules.isSecret(parseConfigKey(key), value) ? undefined : value),
    };
  }
}

/** It has a value as soon as its source has one, or somebody gives it. */
function missingSecret(path: string, name: string): ConfigIssue {
  const message = `waits for the secret '${name}', which is not there or has no value yet`;
  return { path, message, fix: `see why: claw secrets get ${name}; or make it: claw secrets set ${name}`, pending: true };
}

/** What was given may be a secret in clear: it is not repeated. */
function noReference(key: string): ConfigIssue {
  const message = `'${key}' is a value, the template wants the name of a secret`;
  return {
    path: key,
    message,
    fix: `make a secret, and name it: {"secretRef": "<name>"}; claw values set <values> --secret-ref ${key}=<name>`,
  };
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
