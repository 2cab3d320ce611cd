/** A whole configuration of OpenClaw, with the constructs of one that somebody runs: written by hand for a machine of one's own, and for a version of before. */
export interface WholeConfig {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** Variables that it refers to. */
  readonly variables: readonly string[];
  /** Keys that the program itself refuses. */
  readonly refused: readonly string[];
  /** Keys that a template with it is refused for; those that the program knows better by its schema among them. */
  readonly unusable: readonly string[];
  /** What is to be written instead, by key; undefined: nothing. */
  readonly corrections: Readonly<Record<string, unknown>>;
  /** Plugins that come with what it declares. */
  readonly plugins: readonly string[];
}

const token = (name: string) => `\${${name}}`;
const small = "openrouter/anthropic/claude-haiku-4.5";
const large = "openrouter/anthropic/claude-sonnet-4.6";

const agentsOfATeam: WholeConfig = {
  name: "agents of a team, with two chat platforms",
  config: {
    agents: {
      ownership: "explicit",
      defaults: {
        model: { primary: small, fallbacks: ["openrouter/google/gemini-2.0-flash-001"] },
        models: { [small]: { alias: "small" }, [large]: { alias: "large" } },
        workspace: "/home/node/.openclaw/workspace",
        maxConcurrent: 4,
        subagents: { maxConcurrent: 2, maxSpawnDepth: 2, archiveAfterMinutes: 30, model: small },
      },
      entries: {
        lead: {
          name: "Lead",
          workspace: "/home/node/.openclaw/workspace-lead",
          agentDir: "/home/node/.openclaw/agents/lead/agent",
          heartbeat: { every: "60m" },
          identity: { name: "Lead" },
        },
        helper: { name: "Helper", model: { primary: large, fallbacks: [small] } },
      },
    },
    session: { dmScope: "per-peer" },
    tools: {
      web: { search: { enabled: true, provider: "perplexity", maxResults: 5 }, fetch: { enabled: true, maxChars: 10_000 } },
      sessions: { visibility: "all" },
      agentToAgent: { enabled: true, allow: ["lead", "helper"] },
    },
    channels: {
      discord: {
        enabled: true,
        groupPolicy: "allowlist",
        accounts: {
          team: {
            token: token("DISCORD_BOT_TOKEN"),
            guilds: { "100000000000000001": { requireMention: true, channels: { "100000000000000002": { enabled: true } } } },
          },
        },
      },
      telegram: {
        enabled: true,
        accounts: {
          team: { botToken: token("TELEGRAM_BOT_TOKEN"), dmPolicy: "pairing" },
          alerts: { botToken: token("TELEGRAM_ALERTS_TOKEN"), dmPolicy: "allowlist", allowFrom: [1001] },
        },
      },
    },
    bindings: [
      { agentId: "lead", match: { channel: "discord", accountId: "team" } },
      { agentId: "helper", match: { channel: "telegram", accountId: "alerts", peer: { kind: "group", id: "-1000000000001" } } },
    ],
    messages: { ackReactionScope: "group-mentions" },
    hooks: { internal: { enabled: true, entries: { "boot-md": { enabled: true }, "session-memory": { enabled: true } } } },
    gateway: { port: 18_789, mode: "local", bind: "lan", auth: { mode: "token" } },
    skills: { install: { nodeManager: "npm" } },
  },
  variables: ["DISCORD_BOT_TOKEN", "TELEGRAM_BOT_TOKEN", "TELEGRAM_ALERTS_TOKEN"],
  refused: ["tools.web.search.provider"],
  unusable: [
    "native.agents.defaults.workspace",
    "native.agents.entries.lead.agentDir",
    "native.agents.entries.lead.workspace",
    "native.gateway.bind",
    "native.gateway.port",
  ],
  corrections: {
    "agents.defaults.workspace": undefined,
    "agents.entries.lead.agentDir": "${CLAW_DATA_DIR}/agents/lead/agent",
    "agents.entries.lead.workspace": "${CLAW_DATA_DIR}/workspace-lead",
    "gateway.bind": undefined,
    "gateway.port": undefined,
    // Its plugin is not published in the program's version.
    "tools.web.search.provider": undefined,
  },
  plugins: ["discord"],
};

const local = { mode: "local", bind: "loopback", auth: { mode: "token", token: token("OPENCLAW_GATEWAY_TOKEN") } };
const ofBefore = { port: 18_789, tailscale: { mode: "off", resetOnExit: false } };
const correctedGateway = { "gateway.port": undefined, "gateway.tailscale.resetOnExit": undefined, "commands.ownerDisplay": undefined };

const behindAModelGateway: WholeConfig = {
  name: "models behind a gateway, with Discord and skills",
  config: {
    auth: {
      profiles: {
        "cloudflare-ai-gateway:default": { provider: "cloudflare-ai-gateway", mode: "api_key" },
        "anthropic:default": { provider: "anthropic", mode: "token" },
      },
      order: { anthropic: ["anthropic:default"] },
    },
    models: {
      mode: "merge",
      providers: {
        "cloudflare-ai-gateway": {
          baseUrl: "https://models.example.com/v1/team/anthropic",
          api: "anthropic-messages",
          models: [
            {
              ...{ id: "claude-sonnet-4-5", name: "Sonnet", reasoning: true, input: ["text", "image"], contextWindow: 200_000 },
              ...{ maxTokens: 64_000, cost: { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75 } },
            },
          ],
        },
      },
    },
    agents: {
      defaults: {
        model: { primary: "anthropic/claude-sonnet-4-6" },
        models: { "cloudflare-ai-gateway/claude-sonnet-4-5": { alias: "by the gateway" } },
        contextPruning: { mode: "cache-ttl", ttl: "1h" },
        compaction: { mode: "safeguard" },
        heartbeat: { every: "30m" },
        maxConcurrent: 4,
      },
      entries: { main: {} },
    },
    commands: { native: "auto", nativeSkills: "auto", restart: true, ownerDisplay: "raw" },
    session: { dmScope: "per-channel-peer" },
    channels: { discord: { enabled: true, token: token("DISCORD_TOKEN"), groupPolicy: "open", streaming: { mode: "off" }, guilds: {} } },
    skills: { entries: { "openai-image-gen": { apiKey: token("IMAGES_KEY") } } },
    plugins: { entries: { discord: { enabled: true } } },
    gateway: { ...local, ...ofBefore },
  },
  variables: ["DISCORD_TOKEN", "IMAGES_KEY"],
  refused: ["commands", "gateway.tailscale"],
  unusable: ["native.commands.ownerDisplay", "native.gateway.port", "native.gateway.tailscale.resetOnExit"],
  corrections: correctedGateway,
  plugins: ["discord"],
};

const modelsOfOnesOwn: WholeConfig = {
  name: "models of one's own machine, with Telegram and a list of plugins",
  config: {
    agents: {
      defaults: { compaction: { mode: "safeguard" }, model: { primary: "ollama/llama3.1:8b" }, workspace: "/root/.openclaw/workspace" },
    },
    channels: { telegram: { dmPolicy: "pairing", enabled: true, groupPolicy: "allowlist", botToken: token("TELEGRAM_BOT_TOKEN") } },
    commands: { native: "auto", nativeSkills: "auto", ownerDisplay: "raw", restart: true },
    models: {
      mode: "merge",
      providers: {
        ollama: {
          ...{ api: "ollama", apiKey: "ollama-local", baseUrl: "http://127.0.0.1:11434" },
          models: [
            {
              ...{ id: "minimax-m2.7:cloud", name: "m2.7", reasoning: true, input: ["text"], contextWindow: 204_800 },
              ...{ maxTokens: 8192, cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 } },
            },
          ],
        },
      },
    },
    plugins: { allow: ["telegram", "ollama"], entries: { ollama: { enabled: true }, telegram: { enabled: true } } },
    session: { dmScope: "per-channel-peer" },
    tools: { alsoAllow: ["ollama_web_search"], profile: "coding", web: { fetch: { enabled: false }, search: { enabled: false } } },
    gateway: { ...local, ...ofBefore },
  },
  variables: ["TELEGRAM_BOT_TOKEN"],
  refused: ["commands", "gateway.tailscale"],
  unusable: [
    "native.agents.defaults.workspace",
    "native.commands.ownerDisplay",
    "native.gateway.port",
    "native.gateway.tailscale.resetOnExit",
  ],
  corrections: { ...correctedGateway, "agents.defaults.workspace": undefined },
  plugins: ["telegram"],
};

export const wholeConfigs: readonly WholeConfig[] = [agentsOfATeam, behindAModelGateway, modelsOfOnesOwn];
