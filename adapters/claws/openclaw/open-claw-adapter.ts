import { createHash } from "node:crypto";
import json5 from "json5";
import { AgentReason, type ClawRuntime } from "../../../sdk/contract/index.ts";
import type { ClawAdapter, ClawIssue, ParsedConfig, RuntimeInfo } from "../../../service/application/ports/instances/claw-adapter.ts";
import type { ClawProgram } from "../../../service/application/ports/instances/claw-programs.ts";
import { isTree } from "../../../service/domain/configs/config-path.ts";
import { stableJson } from "../json.ts";
import { withAllowedModels } from "./allowed-models.ts";
import { demandsOf } from "./demands.ts";
import { coldSettings, HOT_SETTINGS } from "./hot-settings.ts";
import { DATA_DIR_ENV, GATEWAY_TOKEN_ENV, isManaged, LOG_DIR_ENV } from "./managed-settings.ts";
import { namedModels } from "./models.ts";
import { parseOpenClawConfig, toUnifiedKey, UNIFIED_KEYS } from "./parse-config.ts";
import { declaredChannels, packagesFor, withPlugins } from "./plugins.ts";
import { SchemaCheck } from "./schema-check.ts";
import { PLAIN_KEYS, SECRET_KEYS } from "./secret-keys.ts";
import { namedSkills, withAllowedSkills } from "./skills.ts";
import { startIssues } from "./start-checks.ts";

/** The npm package. */
export const PACKAGE = "openclaw";
const DEFAULT_VERSION = "2026.9.6";
const CONFIG_FILE = "openclaw.json";
/** What a program that is asked about a config finds in place of its secrets. */
const SECRET_PLACEHOLDER = "a-secret";

/** The OpenClaw type (A2): the npm package `openclaw`, run as a gateway on the loopback interface. */
export function openClawAdapter(): ClawAdapter {
  const checks = new WeakMap<object, SchemaCheck>();
  const checkOf = (schema: Readonly<Record<string, unknown>>) => {
    const check = checks.get(schema) ?? new SchemaCheck(schema, UNIFIED_KEYS);
    checks.set(schema, check);
    return check;
  };

  return {
    type: "OpenClaw",
    name: "OpenClawAdapter",
    defaultVersion: DEFAULT_VERSION,
    description: "The OpenClaw gateway, from the npm package 'openclaw'",
    origin: "built-in",
    defaults: DEFAULTS,
    // Of the unified config alone: so levels may set it without a template.
    secretKeys: ["model.apiKey", ...SECRET_KEYS],
    plainKeys: PLAIN_KEYS,
    platformKeys: [],
    managedEnv: ["OPENCLAW_*"],
    // It says why of a configuration; without a word it may be its data.
    exitCodes: { "78": { ...CONFIG_ERROR, explained: true } },
    capabilities: CAPABILITIES,
    parseConfig: (unified, secrets) => {
      const parsed = parseOpenClawConfig(unified, secrets);
      return { ...parsed, native: withPlugins(parsed.native) };
    },
    generateConfig: (config) => [{ path: CONFIG_FILE, content: stableJson(config.native) }],
    question: (config, version) => {
      const content = stableJson(config.native);
      const env = placeholders(config);
      const packages = packagesFor(config.native, version).map((needed) => ({
        ...needed,
        key: toUnifiedKey(needed.path, config.sources ?? {}),
      }));
      return { package: PACKAGE, version, content, digest: sha256(stableJson([content, env])), env, packages };
    },
    validate: async (config, _version, { schema, said = [] } = {}) => {
      const own = [...(schema ? checkOf(schema).issuesOf(config.native) : []), ...startIssues(config, schema)];
      const found = [...own, ...said.filter((issue) => !own.some(({ path }) => isSameKey(path, issue.path)))];
      const issues = found.map((issue) => ({ ...issue, path: toUnifiedKey(issue.path, config.sources ?? {}) }));
      return unique([...(config.issues ?? []), ...issues]);
    },
    models: namedModels,
    withAllowedModels,
    skills: namedSkills,
    withAllowedSkills,
    demands: demandsOf,
    configKeys: {
      path: CONFIG_FILE,
      read: readJson5,
      // Its own writers leave these behind; the rest of what they write is what was there, in another form.
      written: ["meta", "wizard"],
      declaredBy: (key, { sources = {} }) => (isManaged(key) ? undefined : toUnifiedKey(key, sources)),
    },
    injectRuntime: runtimeOf,
  };
}

/** OpenClaw's own form: people put comments in. */
function readJson5(content: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = json5.parse(content);
    return isTree(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** For each variable that a config may refer to, something of the kind. */
function placeholders({ env, secretEnv }: ParsedConfig): Record<string, string> {
  const secrets = Object.keys(secretEnv).map((name): [string, string] => [name, SECRET_PLACEHOLDER]);
  return {
    ...Object.fromEntries(secrets),
    ...env,
    [GATEWAY_TOKEN_ENV]: SECRET_PLACEHOLDER,
    [DATA_DIR_ENV]: "/data",
    [LOG_DIR_ENV]: "/logs",
  };
}

/** Whether both are about the same: one says it of a key, the other of what holds it or what is in it. */
function isSameKey(path: string, other: string): boolean {
  return path === other || path.startsWith(`${other}.`) || other.startsWith(`${path}.`);
}

/** Keys that levels and overrides may set without a template; none has a value unless someone gives one. */
const DEFAULTS = Object.fromEntries(
  [
    "model.name",
    "model.provider",
    "model.baseUrl",
    "model.apiKey",
    "model.api",
    "model.maxTokens",
    "model.contextWindow",
    "model.cost",
    "model.fallbacks",
    "memory.limit",
    "agent",
    "heartbeat",
    "skills",
    "plugins",
    "channels",
    "proxy",
  ].map((key) => [key, null]),
);

const SECONDS_TO_DRAIN = 330;
const CONFIG_ERROR = { reason: AgentReason.ConfigError, message: "OpenClaw refused its configuration.", restart: false };

const CAPABILITIES: ClawAdapter["capabilities"] = {
  "hot-reload": {
    how: "the gateway reloads its file; a changed secret or variable of its environment restarts it",
    keys: [...HOT_SETTINGS, "agent", "heartbeat", "memory.limit", "model.name", "model.fallbacks"],
  },
  health: { how: "GET /startupz once it has started and is ready, /healthz while it lives" },
  chat: { how: "POST /v1/chat/completions, as OpenAI has it" },
  usage: { how: "tokens of each turn, as its chat answers tell" },
  drain: { how: `SIGTERM: turns in flight end first, for up to ${SECONDS_TO_DRAIN} s` },
  console: { how: "a shell in its folder, with the command 'openclaw'" },
  "config-check": { how: "it is asked over its gateway protocol" },
  "config-keys": { how: "openclaw.json is read key by key, and so is what the running gateway says of it" },
  channels: { how: "it is asked over its gateway protocol" },
  skills: { how: "'skills.NAME', and its own by 'skills.allowBundled'" },
  plugins: { how: "'plugins.NAME'; those of channels are installed from npm before it starts" },
  upgrade: { how: "any version of the npm package 'openclaw'; data that a later version wrote is not read by an earlier one" },
};

function runtimeOf(config: ParsedConfig, { spec, instanceToken }: RuntimeInfo): ClawRuntime {
  const version = spec.version ?? DEFAULT_VERSION;
  const env = {
    ...config.env,
    OPENCLAW_CONFIG_PATH: `\${configDir}/${CONFIG_FILE}`,
    OPENCLAW_STATE_DIR: "${dataDir}/state",
    // For its own command line in a terminal, which would take another instance's gateway for its own.
    OPENCLAW_GATEWAY_PORT: "${port}",
    [DATA_DIR_ENV]: "${dataDir}",
    [LOG_DIR_ENV]: "${runDir}/logs",
    // The agent owns the process and the control plane its config and version: OpenClaw is to leave all three alone.
    OPENCLAW_NO_RESPAWN: "1",
    OPENCLAW_SUPERVISOR_MODE: "external",
    OPENCLAW_CONFIG_READONLY: "1",
    OPENCLAW_NO_AUTO_UPDATE: "1",
    OPENCLAW_DISABLE_BONJOUR: "1",
  };
  const secretEnv = { ...config.secretEnv, [GATEWAY_TOKEN_ENV]: instanceToken };
  const content = stableJson(config.native);
  const prepare = packagesFor(config.native, version).map(preparation);
  const channels = declaredChannels(config.native);
  return {
    ...(prepare.length > 0 && { prepare }),
    software: { source: "npm", package: PACKAGE, version },
    command: ["${node}", `\${softwareDir}/node_modules/${PACKAGE}/openclaw.mjs`, "gateway", "--port", "${port}"],
    env,
    secretEnv,
    files: [{ path: CONFIG_FILE, content }],
    restartDigest: sha256(stableJson([version, env, secretEnv, coldSettings(config.native), ...prepare])),
    // OpenClaw derives more ports from its own: browser control at +2, debugging up to +110.
    port: { ...(spec.network.port !== undefined && { fixed: spec.network.port }), span: 120 },
    probes: {
      startup: { path: "/startupz", expect: { status: "started" }, periodSeconds: 0.25, failureThreshold: 1 },
      // Not `/readyz`, which fails with any of its channels: those have a condition of their own.
      readiness: { path: "/startupz", expect: { status: "started" }, periodSeconds: 5, failureThreshold: 3 },
      liveness: { path: "/healthz", expect: { status: "live" }, periodSeconds: 10, failureThreshold: 6 },
    },
    startup: { timeoutSeconds: 180, heavy: true },
    // Its own shutdown lets turns in flight finish for up to 325 s.
    stop: { signal: "SIGTERM", graceSeconds: SECONDS_TO_DRAIN },
    restartSignal: "SIGUSR2",
    exitCodes: { "78": CONFIG_ERROR },
    // Since 2026.8 it exits with 78 then; versions of before with 1, as for anything else.
    lastWords: [
      {
        says: "uses newer schema version",
        reason: AgentReason.DataTooNew,
        message: `A newer OpenClaw has written its data, which ${version} can't read: use that version again, or restore data of before it.`,
      },
    ],
    explain: {
      command: ["${node}", `\${softwareDir}/node_modules/${PACKAGE}/openclaw.mjs`, "config", "validate", "--json"],
      ignore: ["openclaw doctor", "openclaw update", "openclaw gateway", "Migration step"],
    },
    chat: { protocol: "openai-chat-completions", path: "/v1/chat/completions", model: "openclaw", tokenEnv: GATEWAY_TOKEN_ENV },
    configCheck: { protocol: "openclaw-gateway", tokenEnv: GATEWAY_TOKEN_ENV, digest: sha256(content) },
    ...(channels.length > 0 && { channelCheck: { protocol: "openclaw-gateway", tokenEnv: GATEWAY_TOKEN_ENV, channels } }),
  };
}

/** Installs a plugin into the claw's own state, from the registry that its environment names: a copy from elsewhere is not trusted by all channels. */
function preparation(plugin: ClawProgram): NonNullable<ClawRuntime["prepare"]>[number] {
  const wanted = `${plugin.package}@${plugin.version}`;
  return {
    name: `install ${wanted}`,
    command: ["${node}", `\${softwareDir}/node_modules/${PACKAGE}/openclaw.mjs`, "plugins", "install", `npm:${wanted}`, "--pin", "--force"],
    // It writes a config too, which is not to be the claw's own: that says already that the plugin is on.
    env: { OPENCLAW_CONFIG_PATH: "${runDir}/tmp/plugins.json", OPENCLAW_CONFIG_READONLY: "0" },
    timeoutSeconds: 300,
  };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function unique(issues: readonly ClawIssue[]): ClawIssue[] {
  const byText = new Map(issues.map((issue) => [`${issue.path}\n${issue.message}`, issue]));
  return [...byText.values()];
}
