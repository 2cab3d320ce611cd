import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, it, onTestFinished } from "vitest";
import { type Adoption, adoptOpenClaw, type FoundOpenClaw } from "../../../adapters/claws/openclaw/adopt.ts";
import { findOpenClaw } from "../../../adapters/claws/openclaw/find-openclaw.ts";
import { wholeConfigs } from "../../support/claws/whole-configs.ts";

const found = (config: FoundOpenClaw["config"], env: FoundOpenClaw["env"] = {}, changes: Partial<FoundOpenClaw> = {}): FoundOpenClaw => ({
  config,
  env,
  own: [],
  stateDir: "/home/node/.openclaw",
  homeDir: "/home/node",
  ...changes,
});
const specOf = (adoption: Adoption, kind: string) => adoption.manifests.find((manifest) => manifest.kind === kind)?.spec;
const secretsOf = ({ manifests }: Adoption) =>
  Object.fromEntries(manifests.flatMap((manifest) => (manifest.kind === "Secret" ? [[manifest.metadata.name, manifest.spec.value]] : [])));

/** A gateway of one provider, a bot and two agents, as somebody has set it up on a server. */
const BY_HAND = {
  meta: { lastTouchedVersion: "2026.9.4", lastTouchedAt: "2026-11-01T00:00:00.000Z" },
  models: {
    providers: { own: { baseUrl: "http://127.0.0.1:11434", apiKey: "own-s3cret-key", api: "ollama", models: [{ id: "m", name: "m" }] } },
  },
  agents: {
    ownership: "explicit",
    defaults: { model: { primary: "own/m" }, workspace: "/home/node/.openclaw/workspace" },
    entries: { a: { workspace: "~/.openclaw/workspace-a" }, b: {} },
  },
  channels: { telegram: { enabled: true, botToken: "${TELEGRAM_BOT_TOKEN}", guilds: {} } },
  env: { vars: { REGION: "north" } },
  session: { store: "${REGION}" },
  gateway: { port: 18789, mode: "local", bind: "lan", auth: { mode: "token", token: "old-gateway-token" } },
};

describe("an OpenClaw that is adopted", () => {
  it("reads what it read, but for what is told with its reason", ({ expect }) => {
    const adoption = adoptOpenClaw("mine", found(BY_HAND, { TELEGRAM_BOT_TOKEN: "1:bot-s3cret" }));
    expect(adoption.differences.map(({ path, before, after }) => [path, before, after]).slice(0, 20)).toMatchInlineSnapshot(`
      [
        [
          "gateway.auth.token",
          "(secret)",
          "(secret)",
        ],
        [
          "agents.defaults.workspace",
          "/home/node/.openclaw/workspace",
          "\${CLAW_DATA_DIR}/workspace",
        ],
        [
          "agents.entries.a.workspace",
          "~/.openclaw/workspace-a",
          "\${CLAW_DATA_DIR}/state/workspace-a",
        ],
        [
          "discovery.mdns.mode",
          undefined,
          "off",
        ],
        [
          "gateway.bind",
          "lan",
          "loopback",
        ],
        [
          "gateway.http.endpoints.chatCompletions.enabled",
          undefined,
          true,
        ],
        [
          "gateway.port",
          18789,
          undefined,
        ],
        [
          "gateway.reload.mode",
          undefined,
          "hybrid",
        ],
        [
          "gateway.terminal.enabled",
          undefined,
          false,
        ],
        [
          "logging.file",
          undefined,
          "\${CLAW_LOG_DIR}/openclaw.log",
        ],
        [
          "models.catalogRefresh.enabled",
          undefined,
          false,
        ],
        [
          "models.mode",
          undefined,
          "merge",
        ],
        [
          "plugins.entries.admin-http-rpc.enabled",
          undefined,
          true,
        ],
        [
          "update.auto.enabled",
          undefined,
          false,
        ],
        [
          "update.checkOnStart",
          undefined,
          false,
        ],
      ]
    `);
    expect(adoption.missing).toEqual([]);
    expect(specOf(adoption, "ClawInstance")).toMatchObject({
      version: "2026.9.4",
      network: { port: 18789 },
      config: { template: "mine", overrides: [{ key: "environment.TELEGRAM_BOT_TOKEN", value: { secretRef: "mine-telegram-bot-token" } }] },
    });
  });

  it("has its secrets moved out of the file, each once", ({ expect }) => {
    const twice = { ...BY_HAND, talk: { providers: { x: { apiKey: "own-s3cret-key" } } } };
    const adoption = adoptOpenClaw("mine", found(twice, { TELEGRAM_BOT_TOKEN: "1:bot-s3cret" }));
    expect(secretsOf(adoption)).toEqual({
      "mine-models-providers-own-api-key": "own-s3cret-key",
      "mine-telegram-bot-token": "1:bot-s3cret",
    });
    const shown = JSON.stringify([adoption.manifests.filter(({ kind }) => kind !== "Secret"), adoption.differences]);
    for (const secret of ["own-s3cret-key", "bot-s3cret", "old-gateway-token"]) {
      expect(shown).not.toContain(secret);
    }
  });

  it.for(wholeConfigs.map((whole) => [whole.name, whole] as const))("is read as it was: %s", ([, { config, variables }], { expect }) => {
    const env = Object.fromEntries(variables.map((name) => [name, `value-of-${name}`]));
    const adoption = adoptOpenClaw("mine", found(config, env));
    expect(adoption.missing).toEqual([]);
    for (const { why } of adoption.differences) {
      expect(why).not.toBe("");
    }
  });

  it("is read as it was, whatever else it has", ({ expect }) => {
    const text = fc.oneof(
      fc.string(),
      fc.constantFrom("${TOKEN_A}", "$${TOKEN_A}", "a ${NAME} b", "~/.openclaw/x", "sk-live-0123456789abcdefghij", ""),
    );
    const value = fc.oneof(text, fc.boolean(), fc.integer(), fc.array(text, { maxLength: 3 }));
    const settings = fc.dictionary(fc.stringMatching(/^[a-z][a-zA-Z]{0,8}$/), value, { maxKeys: 5 });
    const config = fc.record({
      messages: settings,
      tools: fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), settings, { maxKeys: 3 }),
      hooks: fc.record({ token: text, mappings: fc.array(fc.record({ id: text, sessionKey: text }), { maxLength: 3 }) }),
      channels: fc.dictionary(fc.constantFrom("telegram", "discord", "slack"), settings, { maxKeys: 3 }),
    });
    fc.assert(
      fc.property(config, (tree) => {
        const { differences } = adoptOpenClaw("mine", found(tree, { TOKEN_A: "t-1", NAME: "n" }));
        expect(differences.filter(({ path }) => /^(messages|tools|hooks|channels)\b/.test(path))).toEqual([]);
      }),
    );
  });

  it("says which variables nobody knows", ({ expect }) => {
    expect(adoptOpenClaw("mine", found(BY_HAND)).missing).toEqual(["TELEGRAM_BOT_TOKEN"]);
  });
});

describe("what an OpenClaw is configured with", () => {
  function aFolder(files: Readonly<Record<string, string>>): string {
    const dir = mkdtempSync(join(tmpdir(), "claw-adopt-"));
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(join(dir, name), content);
    }
    return dir;
  }
  const findIn = (dir: string, envFiles: string[] = []) =>
    findOpenClaw({
      path: join(dir, "openclaw.json"),
      envFiles: envFiles.map((file) => join(dir, file)),
      env: { AROUND: "1" },
      homeDir: "/home/node",
    });

  it("is its file with what that includes, and the variables beside it", ({ expect }) => {
    const dir = aFolder({
      "openclaw.json":
        "{ // by hand\n channels: { $include: ['a.json5', './b.json5'], slack: { enabled: false } }, list: [{ $include: 'b.json5' }] }",
      "a.json5": "{ telegram: { botToken: '${A}', enabled: true } }",
      "b.json5": "{ telegram: { enabled: false } }",
      ".env": "A=1\nB='two words'\n",
      "more.env": "B=2\n",
    });
    const { config, env, own, stateDir } = findIn(dir, ["more.env"]);
    expect(config).toEqual({
      channels: { telegram: { botToken: "${A}", enabled: false }, slack: { enabled: false } },
      list: [{ telegram: { enabled: false } }],
    });
    expect(env).toEqual({ A: "1", B: "2", AROUND: "1" });
    expect([own, stateDir]).toEqual([["A", "B"], dir]);
  });

  it.for([
    { name: "is not there", files: {}, why: "can't be read (ENOENT)" },
    { name: "is no JSON5", files: { "openclaw.json": "{ a: " }, why: "is no JSON5" },
    { name: "is no object", files: { "openclaw.json": "[]" }, why: "holds no object" },
    { name: "includes what is elsewhere", files: { "openclaw.json": '{"$include": "../x.json"}' }, why: "which is not in its folder" },
    { name: "includes itself", files: { "openclaw.json": '{"$include": "openclaw.json"}' }, why: "more than 10 files" },
  ])("is refused where the file $name", ({ files, why }, { expect }) => {
    expect(() => findIn(aFolder(files))).toThrow(why);
  });
});
