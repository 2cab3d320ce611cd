import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { describe, it } from "vitest";
import { installedSchema } from "../../../adapters/claws/openclaw/config-schemas.ts";
import { openClawAdapter } from "../../../adapters/claws/openclaw/open-claw-adapter.ts";
import { ConfigTemplateSpecSchema } from "../../../sdk/contract/index.ts";
import type { ParsedConfig } from "../../../service/application/ports/instances/claw-adapter.ts";
import { setAt, valueAt } from "../../../service/domain/configs/config-path.ts";
import { resolveConfig } from "../../../service/domain/configs/resolve-config.ts";
import { configOf } from "../../support/claws/config-arbitrary.ts";
import { OPENCLAW_VERSION, openClawDir, realValidator, softwareDir } from "../../support/claws/open-claw-software.ts";

const adapter = openClawAdapter();
const schema = (await installedSchema(await openClawDir())) ?? {};
const checked = { schema };
const program = join(await openClawDir(), "node_modules", "openclaw", "openclaw.mjs");
const realIssues = await realValidator();
/** The same configs every time: a rule that nobody has met yet is not this change's fault. */
const SEED = 2026_09_06;

/** Rules between settings of single features, which only the program itself knows: it refuses to start, and says why. */
const LEFT_TO_THE_PROGRAM = [
  "cloudWorkers",
  "nodeHost",
  "gateway.portals",
  "gateway.roles",
  "talk.provider",
  "tools.web.search.provider",
  "channels.qa-channel",
  "agents.*.modelPolicy",
  "agents.entries.*.modelPolicy",
  "agents.entries.*.models",
  "agents.entries.*.identity.avatar",
  "mcp.servers.*.transport",
  "mcp.servers.*.oauth",
];

const FOUNDING = ConfigTemplateSpecSchema.parse({
  description: "Default OpenClaw configuration",
  variables: [
    { name: "model.name", type: "string", default: "claude-3-haiku", required: true, description: "Model name to use" },
    { name: "model.apiKey", type: "string", required: true, secret: true, description: "Model API key" },
    { name: "memory.limit", type: "number", default: 100000, required: false, description: "Memory token limit" },
  ],
  adapter: "OpenClawAdapter",
  version: "1.0.0",
});

/** A native config as if it had been parsed: for what parsing itself would refuse. */
function parsedNative(native: Record<string, unknown>): ParsedConfig {
  return { native, env: {}, secretEnv: {} };
}

/** A unified config with its secrets as references, as it is rendered. */
function parsedWithSecrets(config: Readonly<Record<string, unknown>>): ParsedConfig {
  const overrides = Object.entries(config).map(([key, value]) => ({ key, value }));
  const { secretKeys, plainKeys } = adapter;
  const { unified, secrets } = resolveConfig({ template: undefined, defaults: {}, secretKeys, plainKeys, values: [], overrides });
  return adapter.parseConfig(unified, secrets);
}

/** A command of the real program. */
async function openclaw(content: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const home = await mkdtemp(join(tmpdir(), "claw-openclaw-"));
  try {
    const file = join(home, "openclaw.json");
    await writeFile(file, content);
    const base = { PATH: process.env["PATH"], HOME: home, OPENCLAW_STATE_DIR: home, OPENCLAW_CONFIG_PATH: file };
    const supervised = { OPENCLAW_SUPERVISOR_MODE: "external", OPENCLAW_NO_AUTO_UPDATE: "1", ...env };
    const { stdout } = await promisify(execFile)(process.execPath, [program, ...args], { env: { ...base, ...supervised } });
    return { code: 0, stdout };
  } catch (error) {
    return error as { code: number; stdout: string };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

describe(`OpenClaw ${OPENCLAW_VERSION} and the config of the founding example`, () => {
  const { unified, secrets, issues } = resolveConfig({
    template: FOUNDING,
    defaults: adapter.defaults,
    secretKeys: adapter.secretKeys,
    values: [{ level: "global", key: "model.apiKey", value: "sk-founding", secret: true, locked: false, of: "keys", setting: undefined }],
    overrides: [
      { key: "model.name", value: "claude-3-opus" },
      { key: "memory.limit", value: 200000 },
    ],
  });
  const parsed = adapter.parseConfig(unified, secrets);
  const content = adapter.generateConfig(parsed)[0]?.content ?? "";

  it("finds nothing wrong with it", async ({ expect }) => {
    expect([...issues, ...(await adapter.validate(parsed, OPENCLAW_VERSION, checked))]).toEqual([]);
    const { code, stdout } = await openclaw(content, ["config", "validate", "--json"], {
      ...parsed.secretEnv,
      OPENCLAW_GATEWAY_TOKEN: "t",
      CLAW_DATA_DIR: "/data",
      CLAW_LOG_DIR: "/logs",
    });
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { valid: true, warnings: [] }]);
  });

  it("carries the model and its context limit, and no secret", async ({ expect }) => {
    expect(JSON.parse(content)).toMatchObject({
      agents: { defaults: { model: { primary: "anthropic/claude-3-opus" } } },
      models: { providers: { anthropic: { models: [{ id: "claude-3-opus", contextTokens: 200000 }] } } },
    });
    expect(content).not.toContain("sk-founding");
  });
});

describe("what the real program refuses when it starts", () => {
  const cases: { name: string; gateway: Record<string, unknown>; code: number; path: string }[] = [
    { name: "no gateway.mode", gateway: {}, code: 78, path: "gateway.mode" },
    {
      name: "a wide bind without authentication",
      gateway: { mode: "local", bind: "lan", auth: { mode: "none" } },
      code: 78,
      path: "gateway.auth",
    },
    {
      name: "a token that refers to a variable that is not there",
      gateway: { mode: "local", bind: "loopback", auth: { mode: "token", token: { source: "env", provider: "default", id: "NOT_THERE" } } },
      code: 1,
      path: "gateway.auth.token",
    },
  ];

  for (const { name, gateway, code, path } of cases) {
    it(`${name}: it ends with ${code}, and our validation says it before`, async ({ expect }) => {
      const issues = await adapter.validate(parsedNative({ gateway }), OPENCLAW_VERSION);
      expect(issues.map((issue) => issue.path)).toContain(path);
      expect(realIssues({ gateway }).issues ?? []).toEqual([]);
      expect((await openclaw(JSON.stringify({ gateway }), ["gateway"])).code).toBe(code);
    });
  }
});

describe("our validation and the real one", () => {
  it.for([
    { name: "a wrong type", native: { gateway: { port: "x" } }, path: "gateway.port" },
    { name: "an unknown key", native: { gateway: { bogusKey: 1 } }, path: "gateway.bogusKey" },
    {
      name: "a custom provider without a base URL",
      native: { models: { providers: { mine: { models: [] } } } },
      path: "models.providers.mine.baseUrl",
    },
    { name: "an unknown channel", native: { channels: { telegarm: {} } }, path: "channels.telegarm" },
    { name: "a duration that is none", native: { cron: { sessionRetention: "soon" } }, path: "cron.sessionRetention" },
    { name: "an agent that is not there", native: { talk: { agentId: "nobody" } }, path: "talk.agentId" },
    { name: "a URL that is none", native: { mcp: { servers: { files: { url: "files" } } } }, path: "mcp.servers.files.url" },
  ])("refuse both: $name", async ({ native, path }, { expect }) => {
    const config = { ...native, gateway: { mode: "local", ...("gateway" in native ? native.gateway : {}) } };
    expect((await adapter.validate(parsedNative(config), OPENCLAW_VERSION, checked)).map((issue) => issue.path)).toContain(path);
    expect(realIssues(config).ok).toBe(false);
  });

  const json = fc.oneof(fc.boolean(), fc.integer({ min: -5, max: 300_000 }), fc.string({ maxLength: 8 }), fc.constant({}), fc.constant([]));
  const settings: Readonly<Record<string, readonly unknown[]>> = {
    "model.name": ["claude-3-opus", "gpt-5-mini", "openrouter/anthropic/claude", "house-model"],
    "model.provider": ["anthropic", "openai", "standin"],
    "model.baseUrl": ["http://127.0.0.1:9/v1", "https://models.example.com/v1"],
    "model.apiKey": ["key"],
    "model.api": ["openai-completions", "anthropic-messages"],
    "model.maxTokens": [4096],
    "model.contextWindow": [200_000],
    "model.cost": [{ input: 1, output: 2, cacheRead: 0, cacheWrite: 0 }],
    "model.fallbacks": [["openai/gpt-5-mini"]],
    "memory.limit": [100_000, 1],
    "memory.citations": ["auto", "off"],
    "agent.thinking": ["low", "high"],
    "agent.timezone": ["Europe/Berlin"],
    "agent.maxConcurrent": [4],
    "agent.compaction.mode": ["default", "safeguard"],
    "agent.thinkingDefautl": ["low"],
    "heartbeat.every": ["30m", "0m", "1h30m", "1.5h", "soon"],
    "heartbeat.activeHours.start": ["08:00", "24:00"],
    "heartbeat.activeHours.end": ["24:00", "7:00"],
    "skills.weather": [true, false],
    "skills.allowBundled": [["weather"]],
    "plugins.browser": [true, false],
    "plugins.allow": [["browser"]],
    "channels.telegram.botToken": ["123:abc"],
    "channels.telegram.dmPolicy": ["pairing", "allowlist"],
    "channels.discord.token": ["abc"],
    "channels.slack.enabled": [true],
    "channels.telegarm.enabled": [true],
    "native.logging.level": ["debug", "info", "loud"],
    "native.session.scope": ["per-sender", "global"],
    "tools.profile": ["full", "minimal"],
    "tools.allow": [["read"]],
    "tools.alsoAllow": [["write"]],
    "cron.enabled": [true],
    "messages.responsePrefix": ["bot:"],
    "native.gateway.controlUi.enabled": [false],
  };
  const keys = fc.constantFrom(...Object.keys(settings));
  /** Settings that people use, of which one may have another value than those above. */
  const unified = fc
    .record({ chosen: fc.uniqueArray(keys, { minLength: 1, maxLength: 6 }), odd: fc.option(fc.tuple(keys, json)), pick: fc.nat(100) })
    .map(({ chosen, odd, pick }) => {
      const tree = { model: { name: "gpt-5-mini" } };
      for (const key of chosen) {
        setAt(tree, key, settings[key]?.[pick % settings[key].length]);
      }
      if (odd) {
        setAt(tree, ...odd);
      }
      return tree;
    });

  it("agree on the list of models that a policy makes, whatever its items are", async ({ expect }) => {
    const parsed = parsedWithSecrets({ "model.name": "gpt-5-mini", "agents.entries.main.modelPolicy.allow": [] });
    for (const items of [["gpt-5-mini", "local/*", "openrouter/openai/gpt-5"], ["my own model", "*"], []]) {
      const { native } = adapter.withAllowedModels?.(parsed, { items, isAllowed: () => items.length > 2 }, OPENCLAW_VERSION) ?? parsed;
      expect(realIssues(native).issues ?? []).toEqual([]);
      expect(valueAt(native, "agents.entries.main.modelPolicy.allow")).not.toEqual([]);
    }
    expect(adapter.withAllowedModels?.(parsed, { items: ["local/*"], isAllowed: () => true }, "2026.7.4")).toBe(parsed);
  });

  it("what ours accepts of common settings, the real one accepts", async ({ expect }) => {
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(unified, async (config) => {
        const parsed = parsedWithSecrets(config);
        if ((await adapter.validate(parsed, OPENCLAW_VERSION, checked)).length === 0) {
          accepted++;
          expect(realIssues(parsed.native).issues ?? []).toEqual([]);
        }
      }),
      { numRuns: 200, seed: SEED },
    );
    expect(accepted).toBeGreaterThan(20);
  });

  it("what ours accepts of all that the schema describes, the real one accepts", { timeout: 120_000 }, async ({ expect }) => {
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(configOf(schema, LEFT_TO_THE_PROGRAM), async (native) => {
        const parsed = parsedWithSecrets({ native });
        if ((await adapter.validate(parsed, OPENCLAW_VERSION, checked)).length === 0) {
          accepted++;
          expect(realIssues(parsed.native).issues ?? []).toEqual([]);
        }
      }),
      { numRuns: 250, seed: SEED },
    );
    expect(accepted).toBeGreaterThan(60);
  });

  it("names a fix for everything it refuses", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(unified, async (config) => {
        for (const issue of await adapter.validate(adapter.parseConfig(config, new Set()), OPENCLAW_VERSION, checked)) {
          expect([issue.path, issue.message, issue.fix]).not.toContain(undefined);
          expect(issue.path).not.toBe("");
        }
      }),
      { numRuns: 100, seed: SEED },
    );
  });
});

describe("credentials by OpenClaw's own reference", () => {
  it("are all known as such", async ({ expect }) => {
    const reference = join(await openClawDir(), "node_modules", "openclaw", "docs", "reference", "secretref-credential-surface.md");
    const paths = [...(await readFile(reference, "utf8")).matchAll(/^- `([a-z][\w-]+(?:\.[\w*[\]-]+)+)`$/gm)].map(([, path = ""]) => path);
    const ofConfig = paths
      .filter((path) => !/^(auth-profiles|profiles|gateway\.cloudflareAccess)\.|\.creds\.json$/.test(path))
      .map((path) => path.replace("[]", ".*"));
    expect(ofConfig.length).toBeGreaterThan(110);
    expect(ofConfig.filter((path) => !adapter.secretKeys.includes(path))).toEqual([]);
  });
});

describe("the schema of an installed version", () => {
  it("is kept beside the software and read from there", async ({ expect }) => {
    expect(schema).toHaveProperty("properties.gateway");
    const kept = await readFile(join(softwareDir, "openclaw", OPENCLAW_VERSION, "config-schema.json"), "utf8");
    expect(JSON.parse(kept)).toHaveProperty("properties.gateway");
  });

  it("is none for one that prints none, and one that is not installed", async ({ expect }) => {
    expect(await installedSchema(join(softwareDir, "openclaw", "1.2.0"))).toBeNull();
  });
});
