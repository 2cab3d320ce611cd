import { isAbsolute } from "node:path";
import { formatConfigKey, type Issue } from "../../../sdk/contract/index.ts";
import type { ParsedConfig } from "../../../service/application/ports/instances/claw-adapter.ts";
import { isTree, valueAt } from "../../../service/domain/configs/config-path.ts";
import { valuesAt } from "./values-at.ts";

interface Rule {
  /** Dotted keys; `*` stands for any key and any index. */
  readonly at: readonly string[];
  readonly accepts: (value: unknown) => boolean;
  readonly wanted: string;
}

const both = (path: string) => [`mcp.servers.*.${path}`, `nodeHost.mcp.servers.*.${path}`];
/** A text that refers to a variable is only known when the instance starts. */
const text = (accepts: (value: string) => boolean) => (value: unknown) =>
  typeof value !== "string" || value.includes("${") || accepts(value);

/**
 * What OpenClaw asks of values beside their type, by the code of its own schema: a JSON schema can't say it. Parts that only one
 * feature in preview uses are left to the program, which then refuses to start.
 */
const RULES: readonly Rule[] = [
  {
    at: ["proxy.proxyUrl", ...both("url"), ...both("oauth.redirectUrl")],
    accepts: text((value) => isUrl(value, /^https?:$/)),
    wanted: "an http(s) URL",
  },
  { at: ["mcp.apps.sandboxOrigin"], accepts: text((value) => isOrigin(value)), wanted: "an http(s) origin without a path" },
  {
    at: ["gateway.publicOrigin"],
    accepts: text((value) => isOrigin(value) && isSafe(value)),
    wanted: "an https origin without a path; http for localhost only",
  },
  { at: ["models.catalogRefresh.url"], accepts: text(isSafe), wanted: "an https URL; http for localhost only" },
  {
    at: ["worktreeRoot"],
    accepts: text((value) => /^[~/]/.test(value.trim())),
    wanted: "a path that begins with '~/'",
  },
  {
    at: ["desktop.host.passwordFile", "secrets.providers.*.command", "secrets.providers.*.trustedDirs.*"],
    accepts: text(isAbsolute),
    wanted: "an absolute path",
  },
  {
    at: ["cron.sessionRetention", ...["pruneAfter", "preserveRecent", "resetArchiveRetention"].map((key) => `session.maintenance.${key}`)],
    accepts: (value) => typeof value === "boolean" || isDuration(String(value)),
    wanted: "a duration such as '12h' or '30d'",
  },
  {
    at: ["session.maintenance.archiveDashboardAfter"],
    accepts: (value) => value === false || value === 0 || isDuration(String(value)),
    wanted: "a duration such as '30d', or false",
  },
  {
    at: ["session.maintenance.maxDiskBytes", "session.maintenance.highWaterBytes", "agents.defaults.compaction.maxActiveTranscriptBytes"],
    accepts: (value) => typeof value === "boolean" || /^\d+(\.\d+)?\s*([kmgt]?b|[kmgt])?$/i.test(String(value).trim()),
    wanted: "a size such as '200mb'",
  },
  { at: ["gateway.tls.certPath", "gateway.tls.keyPath"], accepts: text((value) => value.trim() !== ""), wanted: "a path" },
  {
    at: ["agents.defaults.decisionModel", "agents.entries.*.decisionModel"],
    accepts: text((value) => value.trim() === "" || /^[^/\s]+\/\S/.test(value.trim())),
    wanted: "a model as 'provider/model'",
  },
  {
    at: ["secrets.egressProxy.allowedHosts.*", "secrets.egressProxy.bypassHosts.*"],
    accepts: text((value) => /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i.test(value.trim())),
    wanted: "a host name without scheme, port, path and wildcard",
  },
  {
    at: ["browser.profiles.*"],
    accepts: (value) =>
      !isTree(value) ||
      value["driver"] === "existing-session" ||
      (value["userDataDir"] === undefined &&
        (value["driver"] === "extension" ? value["cdpUrl"] === undefined : Boolean(value["cdpPort"] || value["cdpUrl"]))),
    wanted: "cdpPort or cdpUrl; userDataDir with driver 'existing-session' only, and no cdpUrl with driver 'extension'",
  },
  {
    at: [
      "tools",
      ...["byProvider.*", "toolsBySender.*", "subagents.tools", "sandbox.tools"].map((key) => `tools.${key}`),
      "agents.entries.*.tools",
    ],
    accepts: (value) => !(isTree(value) && isFilled(value["allow"]) && isFilled(value["alsoAllow"])),
    wanted: "either 'allow' or 'alsoAllow': put both lists into 'allow'",
  },
  {
    at: ["bindings.*"],
    accepts: (value) => !(isTree(value) && value["type"] === "acp") || Boolean(String(valueAt(value, "match.peer.id") ?? "").trim()),
    wanted: "match.peer.id: a binding of type 'acp' is for one conversation",
  },
  {
    at: ["agents"],
    accepts: (value) => !(isTree(value) && value["ownership"] === "explicit") || Object.keys(treeAt(value, "entries")).length > 0,
    wanted: "at least one agent in 'entries' when its ownership is 'explicit'",
  },
];

/** What is wrong with single values, and with names of agents that do not exist. */
export function* valueIssues(native: ParsedConfig["native"]): Iterable<Issue> {
  for (const { at, accepts, wanted } of RULES) {
    for (const [path, value] of at.flatMap((pattern) => [...valuesAt(native, pattern.split("."))])) {
      if (!accepts(value)) {
        yield { path, message: "is not what OpenClaw accepts here", fix: `give ${wanted}` };
      }
    }
  }
  yield* agentIssues(native);
}

const AGENT_IDS = ["agents.defaults.heartbeat.agentId", "agents.defaults.systemAgent.agentId", "talk.agentId", "bindings.*.agentId"];
/** The agent of a config that lists none. */
const ONLY_AGENT = "main";

function* agentIssues(native: ParsedConfig["native"]): Iterable<Issue> {
  const listed = Object.keys(treeAt(native, "agents.entries"));
  const agents = listed.length === 0 ? [ONLY_AGENT] : listed;
  const isKnown = (id: unknown) => typeof id !== "string" || agents.some((agent) => agent.toLowerCase() === id.trim().toLowerCase());
  for (const [path, id] of AGENT_IDS.flatMap((pattern) => [...valuesAt(native, pattern.split("."))])) {
    if (!isKnown(id) && !(path.startsWith("bindings.") && id === ONLY_AGENT)) {
      yield unknownAgent(path, id, agents);
    }
  }
  for (const [peer, entry] of Object.entries(treeAt(native, "broadcast"))) {
    if (isTree(entry) && !/^[a-z][a-z0-9_-]*:.+$/i.test(peer)) {
      yield { path: formatConfigKey([peer], "broadcast"), message: "is not a conversation", fix: "name it '<channel>:<peer>'" };
    }
    const ids = isTree(entry) ? entry["agents"] : entry;
    for (const id of Array.isArray(ids) ? ids.filter((item) => !agents.includes(item)) : []) {
      yield unknownAgent(formatConfigKey([peer], "broadcast"), id, agents);
    }
  }
}

function unknownAgent(path: string, id: unknown, agents: readonly string[]): Issue {
  return { path, message: `there is no agent '${String(id)}'`, fix: `use ${agents.join(" or ")}, or add it to agents.entries` };
}

function isUrl(value: string, protocol: RegExp): boolean {
  return URL.canParse(value) && protocol.test(new URL(value).protocol);
}

function isOrigin(value: string): boolean {
  return isUrl(value, /^https?:$/) && new URL(value).origin === value.replace(/\/$/, "");
}

/** https, or http that does not leave the host. */
function isSafe(value: string): boolean {
  return isUrl(value, /^https:$/) || (isUrl(value, /^http:$/) && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(new URL(value).hostname));
}

const DURATION = /^\d+(\.\d+)?(ms|s|m|h|d)?$|^(\d+(\.\d+)?(ms|s|m|h|d))+$/i;

/** What OpenClaw reads as a duration that is not over at once. */
function isDuration(value: string): boolean {
  return DURATION.test(value.trim()) && /[1-9]/.test(value);
}

function isFilled(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}

function treeAt(tree: Readonly<Record<string, unknown>>, path: string): Readonly<Record<string, unknown>> {
  const value = valueAt(tree, path);
  return isTree(value) ? value : {};
}
