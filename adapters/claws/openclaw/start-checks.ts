import { formatConfigKey, type Issue, unknownKeyFix } from "../../../sdk/contract/index.ts";
import type { ClawIssue, ParsedConfig } from "../../../service/application/ports/instances/claw-adapter.ts";
import { isTree, valueAt } from "../../../service/domain/configs/config-path.ts";
import { missingVariable } from "../../../service/domain/configs/environment.ts";
import { referencesIn } from "../../../service/domain/configs/references.ts";
import { DATA_DIR_ENV, GATEWAY_TOKEN_ENV, LOG_DIR_ENV } from "./managed-settings.ts";
import { isBundledProvider } from "./model-providers.ts";
import { pathIssues } from "./own-paths.ts";
import { turnedOffPlugins } from "./plugins.ts";
import { valueIssues } from "./value-checks.ts";

/** Variables that every instance has: ours, and those that the agent adds. */
const PRESENT_ENV: ReadonlySet<string> = new Set([GATEWAY_TOKEN_ENV, DATA_DIR_ENV, LOG_DIR_ENV, "PATH", "HOME", "TMPDIR"]);

/** What OpenClaw checks beside its schema, some of it only when the gateway starts: by measurement, not by its documentation. */
export function startIssues({ native, env, secretEnv }: ParsedConfig, schema: unknown): ClawIssue[] {
  const present = new Set([...PRESENT_ENV, ...Object.keys(env), ...Object.keys(secretEnv), ...Object.keys(treeAt(native, "env.vars"))]);
  return [
    ...gatewayIssues(native),
    ...providerIssues(native),
    ...channelIssues(native, schema),
    ...durationIssues(native),
    ...valueIssues(native),
    ...pathIssues(native),
    ...pluginIssues(native, schema),
    ...turnedOffPlugins(native),
    ...hookIssues(native),
    ...referenceIssues(native, present, ""),
  ];
}

function* gatewayIssues(native: ParsedConfig["native"]): Iterable<Issue> {
  const mode = valueAt(native, "gateway.mode");
  if (mode !== "local") {
    yield { path: "gateway.mode", message: "must be 'local', or the gateway does not start", fix: "set it to 'local'" };
  }
  const bind = valueAt(native, "gateway.bind") ?? "auto";
  const auth = valueAt(native, "gateway.auth.mode") ?? "token";
  const credential = valueAt(native, "gateway.auth.token") ?? valueAt(native, "gateway.auth.password");
  if (bind !== "loopback" && (auth === "none" || (credential === undefined && auth !== "trusted-proxy"))) {
    yield {
      path: "gateway.auth",
      message: `the gateway refuses to bind to '${String(bind)}' without authentication`,
      fix: "set gateway.auth.mode to 'token' and gateway.auth.token, or gateway.bind to 'loopback'",
    };
  }
}

function* providerIssues(native: ParsedConfig["native"]): Iterable<Issue> {
  for (const [name, provider] of Object.entries(treeAt(native, "models.providers"))) {
    if (!isTree(provider) || isBundledProvider(name)) {
      continue;
    }
    const path = formatConfigKey([name], "models.providers");
    if (typeof provider["baseUrl"] !== "string" || provider["baseUrl"] === "") {
      yield { path: `${path}.baseUrl`, message: `provider '${name}' is not one that OpenClaw brings`, fix: "set its baseUrl" };
    }
    if (!Array.isArray(provider["models"])) {
      yield { path: `${path}.models`, message: `provider '${name}' declares no models`, fix: "list its models" };
    }
  }
}

function* channelIssues(native: ParsedConfig["native"], schema: unknown): Iterable<ClawIssue> {
  const known = Object.keys(treeAt(isTree(schema) ? schema : {}, "properties.channels.properties"));
  if (known.length === 0) {
    return;
  }
  for (const channel of Object.keys(treeAt(native, "channels"))) {
    if (!known.includes(channel)) {
      yield {
        path: formatConfigKey([channel], "channels"),
        message: `unknown channel '${channel}'`,
        fix: unknownKeyFix(channel, known),
        isHopeless: true,
      };
    }
  }
}

/** The program's own validation does not see it. */
function* hookIssues(native: ParsedConfig["native"]): Iterable<Issue> {
  const hooks = treeAt(native, "hooks");
  if (hooks["enabled"] === true && (hooks["token"] === undefined || hooks["token"] === "")) {
    yield { path: "hooks.token", message: "is required by 'hooks.enabled', or the gateway does not start", fix: "set it, as a secret" };
  }
}

function* pluginIssues(native: ParsedConfig["native"], schema: unknown): Iterable<Issue> {
  const bundled = Object.keys(treeAt(isTree(schema) ? schema : {}, "properties.plugins.properties.entries.properties"));
  const chosen = valueAt(native, "plugins.slots.memory");
  // One that is loaded from a folder of the instance is not known here.
  const loaded = valueAt(native, "plugins.load.paths");
  const known = ["", "none", ...bundled];
  if (typeof chosen === "string" && bundled.length > 0 && !(Array.isArray(loaded) && loaded.length > 0) && !known.includes(chosen)) {
    yield { path: "plugins.slots.memory", message: `there is no plugin '${chosen}'`, fix: unknownKeyFix(chosen, ["none", ...bundled]) };
  }
}

const DURATION = /^\s*(\d+(\.\d+)?(ms|s|m|h|d)?|(\d+(\.\d+)?(ms|s|m|h|d))+)\s*$/i;

function* durationIssues(native: ParsedConfig["native"]): Iterable<Issue> {
  const path = "agents.defaults.heartbeat";
  const heartbeat = treeAt(native, path);
  const every = heartbeat["every"];
  if (typeof every === "string" && every !== "" && !DURATION.test(every)) {
    yield { path: `${path}.every`, message: `'${every}' is not a duration`, fix: "give one such as '30m' or '2h'; '0m' turns it off" };
  }
  for (const [key, latest] of [
    ["start", "23:59"],
    ["end", "24:00"],
  ] as const) {
    const time = treeAt(native, `${path}.activeHours`)[key];
    if (typeof time === "string" && time !== "" && !(/^([01]\d|2[0-3]):[0-5]\d$/.test(time) || time === latest)) {
      yield { path: `${path}.activeHours.${key}`, message: `'${time}' is not a time of day`, fix: "give one such as '08:00'" };
    }
  }
}

function* referenceIssues(value: unknown, present: ReadonlySet<string>, path: string): Iterable<Issue> {
  if (typeof value === "string") {
    for (const name of referencesIn(value)) {
      if (!present.has(name)) {
        yield missingVariable(path, name);
      }
    }
  } else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      yield* referenceIssues(item, present, formatConfigKey([key], path));
    }
  }
  if (isTree(value) && ((value["source"] === "file" && !isFileId(value["id"])) || (value["source"] === "exec" && !isExecId(value["id"])))) {
    const fix =
      value["source"] === "file" ? "give a JSON pointer such as '/openai/apiKey', or 'value'" : "use letters, digits and . _ : / # -";
    yield { path: `${path}.id`, message: `is not the id of a secret of source '${value["source"]}'`, fix };
  }
  if (isTree(value) && value["source"] === "env" && typeof value["id"] === "string" && !present.has(value["id"])) {
    yield missingVariable(path, value["id"]);
  }
}

function isFileId(id: unknown): boolean {
  return typeof id !== "string" || id === "value" || id.startsWith("/");
}

function isExecId(id: unknown): boolean {
  return typeof id !== "string" || (/^[A-Za-z0-9][A-Za-z0-9._:/#-]{0,255}$/.test(id) && !/(^|\/)\.\.?(\/|$)/.test(id));
}

function treeAt(tree: Readonly<Record<string, unknown>>, path: string): Readonly<Record<string, unknown>> {
  const value = valueAt(tree, path);
  return isTree(value) ? value : {};
}
