import type { Issue } from "../../../sdk/contract/index.ts";
import type { ClawProgram } from "../../../service/application/ports/instances/claw-programs.ts";
import { isTree, setAt, valueAt } from "../../../service/domain/configs/config-path.ts";
import { namedModels } from "./models.ts";
import { isSince } from "./versions.ts";

const words = (text: string) => text.trim().split(/\s+/);

/** Channels that are packages of their own since 2026.9, `@openclaw/NAME`; Telegram and what else is in the program need none. */
const CHANNELS: ReadonlySet<string> = new Set(
  words(`buzz clickclack discord feishu googlechat imessage irc line matrix mattermost msteams nextcloud-talk nostr raft signal slack sms
    synology-chat tlon twitch whatsapp zalo zalouser`),
);

/** The same of model providers, `@openclaw/NAME-provider`: the plugin's name, then further names of providers that it has. */
const PROVIDERS: ReadonlyMap<string, string> = new Map(
  `amazon-bedrock; amazon-bedrock-mantle; anthropic-vertex; arcee; baseten; byteplus byteplus-plan; cerebras; chutes; cloudflare-ai-gateway; cohere;
   comfy; deepinfra; deepseek; featherless; fireworks; gmi gmi-cloud gmicloud; groq; kilocode; kimi kimi-code kimi-coding; longcat; meta; mistral;
   moonshot; novita novita-ai novitaai; opencode; qianfan; qwen qwencloud modelstudio dashscope qwen-token-plan; radius; stepfun stepfun-plan;
   synthetic; tencent tencent-tokenhub tencent-tokenplan; venice; vercel-ai-gateway; volcengine volcengine-plan; vydra; xiaomi xiaomi-token-plan; zai`
    .split(";")
    .map(words)
    .flatMap(([plugin = "", ...others]) => [plugin, ...others].map((name): [string, string] => [name, plugin])),
);

/** Of web searches, `@openclaw/NAME-plugin`. */
const SEARCHES: ReadonlySet<string> = new Set(words("brave duckduckgo exa firecrawl perplexity searxng tavily"));

/** The first version whose channels and providers are packages of their own. */
const SINCE = [2026, 9];

/** A plugin that a config needs, and the key that needs it. */
interface NeededPlugin {
  readonly id: string;
  readonly package: string;
  readonly path: string;
}

/** The plugins that a config names by what it uses of them, each once. */
function neededPlugins(native: Readonly<Record<string, unknown>>): readonly NeededPlugin[] {
  const found = new Map<string, NeededPlugin>();
  const need = (plugin: NeededPlugin) => found.get(plugin.id) ?? found.set(plugin.id, plugin);
  for (const id of declaredChannels(native).filter((channel) => CHANNELS.has(channel))) {
    need({ id, package: `@openclaw/${id}`, path: `channels.${id}` });
  }
  for (const { path, model } of namedModels({ native, env: {}, secretEnv: {} })) {
    const provider = /^([^/]+)\//.exec(model)?.[1] ?? "";
    const id = PROVIDERS.get(provider);
    // One whose address is given is spoken to without a plugin.
    if (id !== undefined && valueAt(native, `models.providers.${provider}.baseUrl`) === undefined) {
      need({ id, package: `@openclaw/${id}-provider`, path });
    }
  }
  const search = valueAt(native, SEARCH_PATH);
  if (typeof search === "string" && SEARCHES.has(search) && valueAt(native, "tools.web.search.enabled") !== false) {
    need({ id: search, package: `@openclaw/${search}-plugin`, path: SEARCH_PATH });
  }
  return [...found.values()];
}

/** What stands beneath `channels` and is none. */
const OF_ALL_CHANNELS: ReadonlySet<string> = new Set(["defaults", "modelByChannel"]);

/** The channels that a config declares and does not turn off, by name. */
export function declaredChannels(native: Readonly<Record<string, unknown>>): string[] {
  const channels = Object.entries(treeAt(native, "channels")).filter(
    ([id, channel]) => !OF_ALL_CHANNELS.has(id) && isTree(channel) && channel["enabled"] !== false,
  );
  return channels.map(([id]) => id).sort();
}

const SEARCH_PATH = "tools.web.search.provider";

/** The config with the plugins turned on that it needs: installed, they are off until it says so. */
export function withPlugins(native: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const config = structuredClone(native) as Record<string, unknown>;
  const allowed = valueAt(config, "plugins.allow");
  for (const { id } of neededPlugins(config)) {
    if (valueAt(config, `plugins.entries.${id}.enabled`) === undefined) {
      setAt(config, `plugins.entries.${id}.enabled`, true);
    }
    if (Array.isArray(allowed) && !allowed.includes(id)) {
      allowed.push(id);
    }
  }
  return config;
}

/** What a config uses of a plugin that it turns off itself: it would be accepted, and dead. */
export function* turnedOffPlugins(native: Readonly<Record<string, unknown>>): Iterable<Issue> {
  const denied = valueAt(native, "plugins.deny");
  for (const { id, path } of neededPlugins(native)) {
    if (valueAt(native, `plugins.entries.${id}.enabled`) === false || (Array.isArray(denied) && denied.includes(id))) {
      yield { path, message: `needs the plugin '${id}', which is turned off`, fix: "turn either of them off, or both on" };
    }
  }
}

/** The plugins that a version has not in itself, as the packages that it is to have. */
export function packagesFor(native: Readonly<Record<string, unknown>>, version: string): (ClawProgram & Pick<NeededPlugin, "path">)[] {
  return isSince(version, SINCE) ? neededPlugins(native).map(({ package: name, path }) => ({ package: name, version, path })) : [];
}

function treeAt(tree: Readonly<Record<string, unknown>>, path: string): Readonly<Record<string, unknown>> {
  const value = valueAt(tree, path);
  return isTree(value) ? value : {};
}
