import { unknownKeyFix } from "../../../sdk/contract/index.ts";
import type { ClawIssue, ParsedConfig, UnifiedConfig } from "../../../service/application/ports/instances/claw-adapter.ts";
import { isTree, removeAt, setAt, valueAt } from "../../../service/domain/configs/config-path.ts";
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
    draft.set(`agents.defaults.${AGENT_ALIASES[key] ?? key}`, value, `agent.${key}`);
  }
  draft.merge("agents.defaults.heartbeat", draft.treeOf("heartbeat", heartbeat), "heartbeat");
  draft.setSwitches("skills", draft.treeOf("skills", skills), SKILLS_OWN);
  draft.setSwitches("plugins", draft.treeOf("plugins", plugins), PLUGINS_OWN);

  const managed = applyManagedSettings(draft.native).map((issue) => ({
    ...issue,
    path: toUnifiedKey(issue.path, draft.sources),
  }));
  const issues = [...references.issues, ...draft.issues, ...managed];
  return { native: draft.native, secretEnv: intoEnvironment(draft.native, references.env), env: {}, issues, sources: draft.sources };
}

/**
 * Secret variables of `env.vars` come from the environment itself: what a config refers to by such a variable would be read before it,
 * and the gateway would take that for a change of its config and end.
 */
function intoEnvironment(native: Record<string, unknown>, secretEnv: Readonly<Record<string, string>>): Record<string, string> {
  const environment = { ...secretEnv };
  for (const section of ["env.vars", "env"]) {
    const variables = valueAt(native, section);
    for (const [name, text] of isTree(variables) ? Object.entries(variables) : []) {
      const reference = /^\$\{(CLAW_SECRET_\w+)\}$/.exec(String(text))?.[1];
      const value = reference === undefined ? undefined : secretEnv[reference];
      if (reference !== undefined && value !== undefined && isSecretVariable(name)) {
        environment[name] = value;
        delete environment[reference];
        removeAt(native, `${section}.${name}`);
      }
    }
  }
  return environment;
}

/** Not the few by which programs are told what to load. */
function isSecretVariable(name: string): boolean {
  return /^[A-Za-z_]\w*$/.test(name) && !/^(LD_|DYLD_|NODE_|CLAW_|OPENCLAW_|PATH$|HOME$|TMPDIR$)/i.test(name);
}

/** The unified key that a native key came from. */
export function toUnifiedKey(nativeKey: string, sources: Readonly<Record<string, string>>): string {
  const segments = nativeKey.split(".");
  for (let length = segments.length; length > 0; length--) {
    const source = sources[segments.slice(0, length).join(".")];
    if (source !== undefined) {
      return [source, ...segments.slice(length)].join(".");
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
      this.sources[key] = key in rest ? key : `native.${key}`;
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
      this.set(`${path}.${key}`, value, `${source}.${key}`);
    }
  }

  /** `skills.NAME: false` is short for `skills.entries.NAME.enabled: false`. */
  setSwitches(root: string, values: Readonly<Record<string, unknown>>, own: ReadonlySet<string>): void {
    for (const [name, value] of Object.entries(values)) {
      const path = own.has(name) ? `${root}.${name}` : `${root}.entries.${name}`;
      this.set(typeof value === "boolean" && !own.has(name) ? `${path}.enabled` : path, value, `${root}.${name}`);
    }
  }

  /** The model that answers, and the cap on its context that `memory.limit` sets. */
  setModel(model: Readonly<Record<string, unknown>>, memoryLimit: unknown): void {
    for (const key of Object.keys(model).filter((name) => !MODEL_KEYS.has(name))) {
      this.issues.push({
        path: `model.${key}`,
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
    const entry = `models.providers.${ref.provider}`;
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
  if (!/^[A-Za-z0-9_-]+$/.test(provider)) {
    return { message: `'${provider}' is not a provider's name`, fix: "use letters, digits, '-' and '_'" };
  }
  if (baseUrl === undefined && !isBundledProvider(provider)) {
    return {
      message: `'${provider}' is not a provider that OpenClaw brings`,
      fix: "set 'model.baseUrl', or name a provider such as 'anthropic' or 'openai'",
    };
  }
  return undefined;
}
