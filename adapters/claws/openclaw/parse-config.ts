import { formatConfigKey, parseConfigKey, unknownKeyFix } from "../../../sdk/contract/index.ts";
import type { ClawIssue, ParsedConfig, UnifiedConfig } from "../../../service/application/ports/instances/claw-adapter.ts";
import { isTree, removeAt, setAt, valueAt } from "../../../service/domain/configs/config-path.ts";
import { isFreeVariable } from "../../../service/domain/configs/environment.ts";
import { referencesIn } from "../../../service/domain/configs/references.ts";
import { mergeTrees } from "../json.ts";
import { SecretReferences } from "../secret-references.ts";
import { applyManagedSettings } from "./managed-settings.ts";
import { CUSTOM_PROVIDER, isBundledProvider, protocolOf, providerOfModel } from "./model-providers.ts";

/** Keys of the unified config that are not OpenClaw's, by the native path that stands for them. */
export const UNIFIED_KEYS: Readonly<Record<string, readonly string[]>> = {
  "": ["model", "agent", "heartbeat", "native"],
  memory: ["limit"],
  "agents.defaults": ["thinking", "timezone"],
};

const MODEL_KEYS: ReadonlySet<string> = new Set("name provider baseUrl apiKey api maxTokens contextWindow cost fallbacks".split(" "));

/** Short names of `agents.defaults` settings. */
const AGENT_ALIASES: Readonly<Record<string, string>> = { thinking: "thinkingDefault", timezone: "userTimezone" };

/** Keys under `skills` and `plugins` that are OpenClaw's own rather than the name of a skill or plugin. */
const SKILLS_OWN = new Set(["allowBundled", "entries", "install", "limits", "load", "workshop"]);
const PLUGINS_OWN = new Set(["allow", "deny", "enabled", "entries", "load", "slots"]);

/** Unified → OpenClaw's own config, the managed settings in place and every secret a `${VARIABLE}`. */
export function parseOpenClawConfig(unified: UnifiedConfig, secrets: ReadonlySet<string>): ParsedConfig {
  const references = new SecretReferences(secrets, (name) => `\${${name}}`);
  const { model, memory, agent, heartbeat, skills, plugins, native, ...rest } = references.extract(unified);
  const draft = new Draft(native, rest);
  const { limit, ...memorySettings } = draft.treeOf("memory", memory);
  draft.setModel(draft.treeOf("model", model), limit);
  draft.merge("memory", memorySettings, "memory");
  for (const [key, value] of Object.entries(draft.treeOf("agent", agent))) {
    draft.set(formatConfigKey([AGENT_ALIASES[key] ?? key], "agents.defaults"), value, formatConfigKey([key], "agent"));
  }
  draft.merge("agents.defaults.heartbeat", draft.treeOf("heartbeat", heartbeat), "heartbeat");
  draft.setSwitches("skills", draft.treeOf("skills", skills), SKILLS_OWN);
  draft.setSwitches("plugins", draft.treeOf("plugins", plugins), PLUGINS_OWN);

  const managed = applyManagedSettings(draft.native).map((issue) => ({
    ...issue,
    path: toUnifiedKey(issue.path, draft.sources),
  }));
  const { issues: ofVariables, ...environment } = intoEnvironment(draft.native, references.env);
  const misplaced = ofVariables.map((issue) => ({ ...issue, path: toUnifiedKey(issue.path, draft.sources) }));
  const issues = [...references.issues, ...draft.issues, ...managed, ...misplaced];
  return { native: draft.native, ...environment, issues, sources: draft.sources };
}

/**
 * Variables of `env.vars` that are secret, or that the config refers to, come from the environment itself: what a config refers to would be read
 * before it, and the gateway would take that for a change of its config and end.
 */
function intoEnvironment(native: Record<string, unknown>, secretEnv: Readonly<Record<string, string>>) {
  const moved: { env: Record<string, string>; secretEnv: Record<string, string>; issues: ClawIssue[] } = {
    env: {},
    secretEnv: { ...secretEnv },
    issues: [],
  };
  const referred = new Set(textsIn(native).flatMap(referencesIn));
  for (const section of ["env.vars", "env"]) {
    const variables = valueAt(native, section);
    for (const [name, text] of isTree(variables) ? Object.entries(variables) : []) {
      const path = formatConfigKey([name], section);
      const reference = /^\$\{(CLAW_SECRET_\w+)\}$/.exec(String(text))?.[1];
      const value = reference === undefined ? undefined : secretEnv[reference];
      const isReferred = typeof text === "string" && referred.has(name) && referencesIn(text).length === 0;
      if (value === undefined && !isReferred) {
        continue;
      }
      if (!isFreeVariable(name) || name.startsWith("OPENCLAW_")) {
        moved.issues.push({
          path,
          message: "can't be a secret, nor be referred to: it is set before the config is read",
          fix: "use another name",
        });
      } else if (reference !== undefined && value !== undefined) {
        moved.secretEnv[name] = value;
        delete moved.secretEnv[reference];
        removeAt(native, path);
      } else {
        moved.env[name] = String(text);
        removeAt(native, path);
      }
    }
  }
  return moved;
}

function textsIn(value: unknown): string[] {
  return typeof value === "string" ? [value] : typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

/** The unified key that a native key came from. */
export function toUnifiedKey(nativeKey: string, sources: Readonly<Record<string, string>>): string {
  const segments = parseConfigKey(nativeKey);
  for (let length = segments.length; length > 0; length--) {
    const source = sources[formatConfigKey(segments.slice(0, length))];
    if (source !== undefined) {
      return formatConfigKey(segments.slice(length), source);
    }
  }
  return nativeKey;
}

class Draft {
  readonly native: Record<string, unknown>;
  readonly issues: ClawIssue[] = [];
  readonly sources: Record<string, string> = {};

  constructor(base: unknown, rest: Readonly<Record<string, unknown>>) {
    const tree = this.treeOf("native", base);
    this.native = mergeTrees(tree, rest);
    for (const key of Object.keys(tree)) {
      const path = formatConfigKey([key]);
      this.sources[path] = key in rest ? path : formatConfigKey([key], "native");
    }
  }

  treeOf(key: string, value: unknown): Readonly<Record<string, unknown>> {
    if (value !== undefined && !isTree(value)) {
      this.issues.push({ path: key, message: "must be an object", fix: `set keys beneath it, such as '${key}.…'` });
    }
    return isTree(value) ? value : {};
  }

  set(path: string, value: unknown, source: string): void {
    if (value === undefined) {
      return;
    }
    const below = valueAt(this.native, path);
    const obstacle = setAt(this.native, path, isTree(below) && isTree(value) ? mergeTrees(below, value) : value);
    if (obstacle !== undefined) {
      this.issues.push({
        path: source,
        message: `can't be set: '${toUnifiedKey(obstacle, this.sources)}' is not an object`,
        fix: "remove one of them",
      });
    }
    this.sources[path] = source;
  }

  merge(path: string, values: Readonly<Record<string, unknown>>, source: string): void {
    for (const [key, value] of Object.entries(values)) {
      this.set(formatConfigKey([key], path), value, formatConfigKey([key], source));
    }
  }

  /** `skills.NAME: false` is short for `skills.entries.NAME.enabled: false`. */
  setSwitches(root: string, values: Readonly<Record<string, unknown>>, own: ReadonlySet<string>): void {
    for (const [name, value] of Object.entries(values)) {
      const path = formatConfigKey([name], own.has(name) ? root : `${root}.entries`);
      this.set(typeof value === "boolean" && !own.has(name) ? `${path}.enabled` : path, value, formatConfigKey([name], root));
    }
  }

  /** The model that answers, and the cap on its context that `memory.limit` sets. */
  setModel(model: Readonly<Record<string, unknown>>, memoryLimit: unknown): void {
    for (const key of Object.keys(model).filter((name) => !MODEL_KEYS.has(name))) {
      this.issues.push({
        path: formatConfigKey([key], "model"),
        message: `unknown key '${key}'`,
        fix: unknownKeyFix(key, [...MODEL_KEYS]),
        isHopeless: true,
      });
    }
    const baseUrl = this.#url(model, "baseUrl");
    const ref = this.#modelRef(model, memoryLimit, baseUrl);
    if (ref === undefined) {
      return;
    }
    const entry = formatConfigKey([ref.provider], "models.providers");
    this.set(`${entry}.baseUrl`, baseUrl, "model.baseUrl");
    this.set(`${entry}.apiKey`, model["apiKey"], "model.apiKey");
    this.set(`${entry}.api`, model["api"] ?? (baseUrl && protocolOf(ref.provider)), "model.api");
    const settings = {
      contextWindow: model["contextWindow"],
      contextTokens: memoryLimit,
      maxTokens: model["maxTokens"],
      cost: model["cost"],
    };
    const given = Object.entries(settings).filter(([, value]) => value !== undefined);
    if (baseUrl !== undefined || given.length > 0) {
      const others = valueAt(this.native, `${entry}.models`);
      const kept = Array.isArray(others) ? others.filter((other) => !isTree(other) || other["id"] !== ref.name) : [];
      this.set(`${entry}.models`, [{ id: ref.name, name: ref.name, ...Object.fromEntries(given) }, ...kept], "model");
      this.sources[`${entry}.models.0.contextTokens`] = "memory.limit";
      this.sources[`${entry}.models.0`] = "model";
    }
    this.set("agents.defaults.model.primary", `${ref.provider}/${ref.name}`, "model.name");
    this.set("agents.defaults.model.fallbacks", model["fallbacks"], "model.fallbacks");
  }

  #modelRef(model: Readonly<Record<string, unknown>>, memoryLimit: unknown, baseUrl: string | undefined) {
    const fullName = this.#text(model, "name");
    const given = this.#text(model, "provider");
    if (fullName === undefined) {
      const idle = Object.keys(model)
        .filter((key) => MODEL_KEYS.has(key) && key !== "name")
        .map((key) => `model.${key}`);
      for (const path of [...idle, ...(memoryLimit === undefined ? [] : ["memory.limit"])]) {
        this.issues.push({ path, message: "has no effect without 'model.name'", fix: "set 'model.name'" });
      }
      return undefined;
    }
    const slash = fullName.indexOf("/");
    const prefix = slash > 0 ? fullName.slice(0, slash) : undefined;
    const prefixed = prefix !== undefined && (given ?? (isBundledProvider(prefix) ? prefix : undefined)) === prefix;
    const provider = given ?? (prefixed ? prefix : baseUrl === undefined ? providerOfModel(fullName) : CUSTOM_PROVIDER);
    const name = prefixed ? fullName.slice(slash + 1) : fullName;
    const problem = providerProblem(provider, fullName, baseUrl);
    if (provider === undefined || problem !== undefined) {
      this.issues.push({ path: "model.provider", ...problem, message: problem?.message ?? "is missing" });
      return undefined;
    }
    return { provider, name };
  }

  #text(model: Readonly<Record<string, unknown>>, key: string): string | undefined {
    const value = model[key];
    if (value !== undefined && (typeof value !== "string" || value.trim() === "")) {
      this.issues.push({ path: `model.${key}`, message: "must be a text that is not empty", fix: "give a text in quotes" });
      return undefined;
    }
    return value?.trim();
  }

  #url(model: Readonly<Record<string, unknown>>, key: string): string | undefined {
    const text = this.#text(model, key);
    // One with a password is a reference here.
    if (text === undefined || text.startsWith("${CLAW_SECRET_") || (URL.canParse(text) && /^https?:/.test(text))) {
      return text;
    }
    this.issues.push({
      path: `model.${key}`,
      message: `'${text}' is not an http(s) URL`,
      fix: "give one such as 'https://models.example.com/v1'",
    });
    return undefined;
  }
}

function providerProblem(provider: string | undefined, model: string, baseUrl: string | undefined) {
  if (provider === undefined) {
    return {
      message: `the provider of model '${model}' can't be told from its name`,
      fix: "set 'model.provider', or 'model.baseUrl' for a model server of your own",
    };
  }
  if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(provider)) {
    return { message: `'${provider}' is not a provider's name`, fix: "use letters, digits, '.', '-' and '_'" };
  }
  if (baseUrl === undefined && !isBundledProvider(provider)) {
    return {
      message: `'${provider}' is not a provider that OpenClaw brings`,
      fix: "set 'model.baseUrl', or name a provider such as 'anthropic' or 'openai'",
    };
  }
  return undefined;
}
