import { isDeepStrictEqual } from "node:util";
import {
  API_VERSION,
  type ClawInstanceInput,
  ClawInstanceInputSchema,
  type ConfigTemplateInput,
  ConfigTemplateInputSchema,
  formatConfigKey,
  isKeyWithin,
  isSecretRef,
  parseConfigKey,
  type SecretInput,
  VersionSchema,
} from "../../../sdk/contract/index.ts";
import { type ConfigTree, isTree, scalars, valueAt } from "../../../service/domain/configs/config-path.ts";
import { isFreeVariable, takeEnvironment, withEnvironment } from "../../../service/domain/configs/environment.ts";
import { isReference, referencesIn, replaceReferences } from "../../../service/domain/configs/references.ts";
import { resolveConfig } from "../../../service/domain/configs/resolve-config.ts";
import { SecretRules } from "../../../service/domain/configs/secret-rules.ts";
import { DATA_DIR_ENV, GATEWAY_TOKEN_ENV, isManaged, withoutManaged } from "./managed-settings.ts";
import { openClawAdapter } from "./open-claw-adapter.ts";
import { writtenPaths } from "./own-paths.ts";

/** An OpenClaw that somebody runs by hand. */
export interface FoundOpenClaw {
  /** Its configuration, with what it includes. */
  readonly config: Readonly<ConfigTree>;
  /** Variables that are known of it: of its environment, and of the file beside its state. */
  readonly env: Readonly<Record<string, string>>;
  /** Names of those that it is to have, whether its configuration names them or not. */
  readonly own: readonly string[];
  readonly stateDir: string;
  readonly homeDir: string;
}

/** What the program reads otherwise once it is adopted. A secret is not shown. */
export interface Difference {
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
  readonly why: string;
}

export interface Adoption {
  /** Secrets, a template and an instance, in the order in which they need one another. */
  readonly manifests: readonly (SecretInput | ConfigTemplateInput | ClawInstanceInput)[];
  readonly differences: readonly Difference[];
  /** Variables that its configuration names, and nobody knows a value of. */
  readonly missing: readonly string[];
}

/** Adopted, the program would read something else, and nothing explains why. */
export class AdoptionError extends Error {
  override readonly name = "AdoptionError";
}

const NAME_MAX = 63;
/** What OpenClaw writes down about itself, and what editors read: nothing that it reads. */
const RECORDS = ["meta", "$schema"];
const HIDDEN = "(secret)";
const rules = (() => {
  const { secretKeys, plainKeys } = openClawAdapter();
  return new SecretRules({ secretKeys, plainKeys });
})();

/**
 * Declares an OpenClaw as it is: its configuration as a template, a secret for each credential of it and of its environment, and an instance. What
 * that is rendered to is compared with what there was, value by value: what differs is told with its reason, and nothing else may.
 * @throws {AdoptionError}
 */
export function adoptOpenClaw(name: string, found: FoundOpenClaw): Adoption {
  const before = structuredClone(found.config) as ConfigTree;
  for (const record of RECORDS) {
    delete before[record];
  }
  const secrets = new Secrets(name);
  const base = withoutManaged(before);
  for (const [path, value] of [...writtenPaths(base)]) {
    replaceAt(base, parseConfigKey(path), typeof value === "string" ? movedPath(value, found) : value);
  }
  const vars = Object.entries(treeAt(before, "env.vars")).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  const was = { tree: before, env: { ...Object.fromEntries(vars), ...found.env } };
  for (const [path, value] of [...scalars(base, isReference)]) {
    const text = String(value);
    if (rules.isSecret(path, value) && referencesIn(text).every((name) => was.env[name] !== undefined)) {
      replaceAt(base, path, secrets.keep(path.join("-"), meantBy(text, was.env)));
    }
  }
  const { overrides, missing } = environmentOf(base, found, secrets);
  const metadata = { name };
  const template = ConfigTemplateInputSchema.parse({
    apiVersion: API_VERSION,
    kind: "ConfigTemplate",
    metadata,
    spec: { adapter: "OpenClawAdapter", base },
  });
  const port = valueAt(before, "gateway.port");
  const version = VersionSchema.safeParse(valueAt(found.config as ConfigTree, "meta.lastTouchedVersion")).data;
  const instance = ClawInstanceInputSchema.parse({
    apiVersion: API_VERSION,
    kind: "ClawInstance",
    metadata,
    spec: {
      type: "OpenClaw",
      // Until its state is there: without it would begin anew.
      running: false,
      ...(version !== undefined && { version }),
      ...(typeof port === "number" && { network: { port } }),
      config: { template: name, overrides },
    },
  });
  const differences = differencesOf(was, readOf(template, base, overrides, secrets));
  return { manifests: [...secrets.manifests, template, instance], differences, missing };
}

type Overrides = ClawInstanceInput["spec"]["config"]["overrides"];

/** Secrets of one instance, with names of their own; the same value once. */
class Secrets {
  readonly manifests: SecretInput[] = [];
  readonly #prefix: string;
  readonly #values = new Map<string, string>();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** @returns what stands for it */
  keep(about: string, value: string): { secretRef: string } {
    const [known] = [...this.#values].find(([, other]) => other === value) ?? [];
    const name = known ?? this.#freeName(about);
    if (known === undefined) {
      this.#values.set(name, value);
      this.manifests.push({ apiVersion: API_VERSION, kind: "Secret", metadata: { name }, spec: { value: escaped(value) } });
    }
    return { secretRef: name };
  }

  /** The value with every secret in its place. */
  open(value: unknown): unknown {
    if (isSecretRef(value)) {
      return escaped(this.#values.get(value.secretRef) ?? "");
    }
    if (Array.isArray(value)) {
      return value.map((item) => this.open(item));
    }
    return isTree(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.open(item)])) : value;
  }

  #freeName(about: string): string {
    const words = about.replace(/([a-z0-9])([A-Z])/g, "$1-$2").toLowerCase();
    const whole = `${this.#prefix}-${words}`
      .replace(/[^a-z0-9]+/g, "-")
      .slice(0, NAME_MAX - 4)
      .replace(/-+$/, "");
    let name = whole;
    for (let count = 2; this.#values.has(name); count++) {
      name = `${whole}-${count}`;
    }
    return name;
  }
}

/** What its process is to have in its environment: what the configuration refers to, and what is its own. */
function environmentOf(base: ConfigTree, { env, own }: FoundOpenClaw, secrets: Secrets): { overrides: Overrides; missing: string[] } {
  const inConfig = new Set(["env.vars", "env"].flatMap((at) => Object.keys(treeAt(base, at))));
  const referred = new Map<string, boolean>();
  for (const [path, value] of scalars(base, () => false)) {
    for (const name of typeof value === "string" ? referencesIn(value) : []) {
      referred.set(name, referred.get(name) === true || rules.isSecret(path, "x"));
    }
  }
  const wanted = [...new Set([...referred.keys(), ...own])].filter(
    (name) => !inConfig.has(name) && name !== GATEWAY_TOKEN_ENV && name !== DATA_DIR_ENV && (isFree(name) || referred.has(name)),
  );
  const known = wanted.filter((name) => isFree(name) && (env[name] ?? "") !== "");
  const overrides = known.toSorted().map((name) => {
    const value = env[name] ?? "";
    const isSecret = referred.get(name) === true || rules.isSecret(["environment", name], value);
    return { key: `environment.${name}`, value: isSecret ? secrets.keep(name, value) : escaped(value) };
  });
  return { overrides, missing: wanted.filter((name) => !known.includes(name)).toSorted() };
}

const isFree = (name: string) => isFreeVariable(name) && !name.startsWith("OPENCLAW_");

/** What a program reads of a text. What nobody knows stays as it is; the gateway's token is another for each instance. */
function meantBy(text: string, env: Readonly<Record<string, string>>): string {
  return replaceReferences(text, (name) => (name === GATEWAY_TOKEN_ENV ? undefined : env[name]) ?? `\${${name}}`);
}

/** Variables of an environment may be put together of others: what was text stays text. */
function escaped(text: string): string {
  return text.replaceAll(/\$\{(?=[A-Z_][A-Z0-9_]*\})/g, "$$${");
}

/** Where a folder of its own is once its state has moved. */
function movedPath(path: string, { stateDir, homeDir }: FoundOpenClaw): string {
  const whole = path.replace(/^~(?=\/|$)/, homeDir);
  return whole === stateDir || whole.startsWith(`${stateDir}/`) ? `\${${DATA_DIR_ENV}}/state${whole.slice(stateDir.length)}` : path;
}

interface Read {
  readonly tree: Readonly<ConfigTree>;
  readonly env: Readonly<Record<string, string>>;
}

/** What the program is given of a template and an instance, as the platform renders them. */
function readOf({ spec }: ConfigTemplateInput, base: ConfigTree, overrides: Overrides, secrets: Secrets): Read {
  const adapter = openClawAdapter();
  const sealed = [...scalars({ native: base }, () => false)]
    .filter(([path]) => path.at(-1) === "secretRef")
    .map(([path]) => formatConfigKey(path.slice(0, -1)));
  const config = resolveConfig({
    template: { ...spec, base: secrets.open(base) as typeof spec.base },
    defaults: adapter.defaults,
    secretKeys: adapter.secretKeys,
    plainKeys: adapter.plainKeys,
    sealed,
    values: [],
    overrides: overrides.map(({ key, value }) => ({ key, value: secrets.open(value) })),
  });
  const { unified, environment } = takeEnvironment(config, adapter);
  const { native, env, secretEnv } = withEnvironment(adapter.parseConfig(unified, config.secrets), environment);
  return { tree: native, env: { ...env, ...secretEnv } };
}

/** @throws {AdoptionError} for one that nothing explains */
function differencesOf(before: Read, after: Read): Difference[] {
  const [was, is] = [valuesOf(before), valuesOf(after)];
  const written = new Set([...writtenPaths(before.tree)].map(([path]) => path));
  const differences: Difference[] = [
    {
      path: "gateway.auth.token",
      before: HIDDEN,
      after: HIDDEN,
      why: "each instance has a token of its own, which 'claw connect', 'claw open' and 'claw chat' present",
    },
  ];
  for (const path of [...new Set([...was.keys(), ...is.keys()])].sort()) {
    const old = was.get(path);
    // What the file set in its environment comes from there itself.
    const now = is.get(path) ?? after.env[/^env\.(?:vars\.)?(\w+)$/.exec(path)?.[1] ?? ""];
    const isSecret = rules.isSecret(parseConfigKey(path), old ?? now);
    if (isDeepStrictEqual(old, now) || (isSecret && String(old) === String(now)) || isKeyWithin(path, "gateway.auth")) {
      continue;
    }
    const why = reasonOf(path, written);
    if (why === undefined) {
      throw new AdoptionError(`${path} would not be read as it is now, and nothing says why; adopt it by hand, and tell us`);
    }
    differences.push({ path, before: isSecret ? HIDDEN : old, after: isSecret ? HIDDEN : now, why });
  }
  return differences;
}

function reasonOf(path: string, written: ReadonlySet<string>): string | undefined {
  if (path === "gateway.port") {
    return "the port is the instance's, spec.network.port";
  }
  if (path === "agents.defaults.workspace") {
    return "its workspace is in the instance's own folder";
  }
  if (isManaged(path)) {
    return "the platform relies on it";
  }
  if (written.has(path)) {
    return "its folder moves with its state";
  }
  return /^plugins\.(allow(\.\d+)?$|entries\.[^.]+\.enabled$)/.test(path) ? "a plugin that its configuration uses is turned on" : undefined;
}

/** Each value by its path, with what its references stand for. */
function valuesOf({ tree, env }: Read): Map<string, unknown> {
  const found = new Map<string, unknown>();
  const take = (value: unknown, path: readonly string[]): void => {
    const items = typeof value === "object" && value !== null ? Object.entries(value) : [];
    if (items.length > 0) {
      for (const [key, item] of items) {
        take(item, [...path, key]);
      }
    } else if (path.length > 0) {
      found.set(formatConfigKey([...path]), typeof value === "string" ? meantBy(value, env) : value);
    }
  };
  take(tree, []);
  return found;
}

function replaceAt(tree: ConfigTree, path: readonly string[], value: unknown): void {
  const last = path.at(-1) ?? "";
  const parent = path.slice(0, -1).reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], tree);
  (parent as Record<string, unknown>)[last] = value;
}

function treeAt(tree: Readonly<ConfigTree>, key: string): Readonly<ConfigTree> {
  const value = valueAt(tree, key);
  return isTree(value) ? value : {};
}
