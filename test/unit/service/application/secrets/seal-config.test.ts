import fc from "fast-check";
import { describe, it } from "vitest";
import { openClawAdapter } from "../../../../../adapters/claws/openclaw/open-claw-adapter.ts";
import { SecretCipherAes } from "../../../../../adapters/identity/cipher.ts";
import { ConfigTemplateSpecSchema, InstanceSpecSchema, SECRET_MASK } from "../../../../../sdk/contract/index.ts";
import { openAt, openTemplate, sealOverrides, sealTemplate } from "../../../../../service/application/secrets/seal-config.ts";
import { resolveConfig } from "../../../../../service/domain/configs/resolve-config.ts";
import { diffValues } from "../../../../../service/domain/diff.ts";
import { maskLeaves } from "../../../../../service/domain/sealed.ts";

const adapter = openClawAdapter();
const cipher = new SecretCipherAes(new Uint8Array(32).fill(7));
const template = (spec: object) => ConfigTemplateSpecSchema.parse({ adapter: "OpenClawAdapter", ...spec });
const instance = (overrides: readonly object[]) => InstanceSpecSchema.parse({ type: "OpenClaw", config: { overrides } });
const sealed = (
  spec: ReturnType<typeof instance>,
  former?: ReturnType<typeof instance>,
  variables: ReturnType<typeof template>["variables"] = [],
) => sealOverrides(spec, former, { adapter, variables, cipher });
const SEED = "hunter2-is-not-a-good-key";

/** What an instance comes to, as it is when everything is read back from where it is stored. */
function resolved(spec: ReturnType<typeof instance>, from?: ReturnType<typeof template>) {
  const keys = new Set<string>();
  const note = (key: string) => keys.add(key);
  const config = resolveConfig({
    template: from && openTemplate(from, { cipher }, note),
    defaults: adapter.defaults,
    secretKeys: adapter.secretKeys,
    plainKeys: adapter.plainKeys,
    values: [],
    overrides: spec.config.overrides.map(({ key, value }) => ({ key, value: openAt(key, value, { cipher }, note) })),
    sealed: keys,
  });
  return { ...config, parsed: adapter.parseConfig(config.unified, config.secrets) };
}

describe("a secret of an instance", () => {
  const cases: { name: string; key: string; value: unknown }[] = [
    { name: "in the object above its key", key: "model", value: { name: "claude-3-opus", apiKey: SEED } },
    { name: "in the object of a channel", key: "channels.telegram", value: { botToken: SEED } },
    { name: "in a list of accounts", key: "channels.telegram.accounts", value: [{ name: "a", botToken: SEED }] },
    { name: "of a web search", key: "tools.web.search.apiKey", value: SEED },
    { name: "of hooks", key: "hooks", value: { enabled: true, token: SEED } },
    { name: "among environment variables", key: "env.vars", value: { OPENROUTER_API_KEY: SEED, GITHUB_TOKEN_2: SEED } },
    { name: "in a header", key: "models.providers.own.headers", value: { "x-tenant": SEED } },
    { name: "beneath a key that says so", key: "plugins.own.config", value: { credentials: { mine: SEED } } },
    { name: "in a URL", key: "proxy.proxyUrl", value: `http://me:${SEED}@proxy:3128` },
    { name: "known by its form", key: "mcp.servers.x.args", value: ["--pass", `Bearer ${SEED}`] },
    { name: "in the native config", key: "native", value: { gateway: { remote: { password: SEED } } } },
    { name: "that is a number", key: "channels.irc.password", value: 4711_0815 },
  ];
  for (const { name, key, value } of cases) {
    it(`${name} is sealed where it is stored, masked where it is shown and a reference where it is used`, ({ expect }) => {
      const text = typeof value === "number" ? String(value) : SEED;
      const stored = sealed(instance([{ key, value }]));
      expect(JSON.stringify(stored)).not.toContain(text);
      expect(JSON.stringify(maskLeaves(stored))).toContain(SECRET_MASK);
      const { parsed, origins } = resolved(stored);
      expect(JSON.stringify(adapter.generateConfig(parsed))).not.toContain(text);
      expect(JSON.stringify(parsed.issues)).not.toContain(text);
      expect(Object.values(parsed.secretEnv).some((secret) => secret.includes(text))).toBe(true);
      expect(Object.values(origins).filter(({ secret }) => secret)).not.toEqual([]);
    });
  }

  it("leaves what only sounds so: counts, references, names of conversations", ({ expect }) => {
    const overrides = [
      { key: "model", value: { maxTokens: 4096, contextWindow: 1 } },
      { key: "models.providers.own.apiKey", value: { source: "env", provider: "default", id: "THE_KEY" } },
      { key: "mcp.servers.x.headers", value: { Authorization: "Bearer ${THE_KEY}" } },
      { key: "session.mainKey", value: "main" },
      { key: "secrets.providers.vault", value: { source: "file", path: "/run/vault.json" } },
      { key: "channels.telegram.tokenFile", value: "/run/token" },
    ];
    expect(sealed(instance(overrides)).config.overrides).toEqual(overrides);
  });

  it("gets into the environment by its own name when it is a variable of it", ({ expect }) => {
    const { parsed } = resolved(sealed(instance([{ key: "env.vars", value: { OPENROUTER_API_KEY: SEED, NODE_TOKEN: SEED, PLAIN: "1" } }])));
    expect(parsed.secretEnv).toMatchObject({ OPENROUTER_API_KEY: SEED });
    expect(parsed.native["env"]).toEqual({ vars: { NODE_TOKEN: "${CLAW_SECRET_ENV_VARS_NODE_TOKEN}", PLAIN: "1" } });
  });
});

describe("a secret of a template", () => {
  it("is sealed in its base and in defaults, declared secret or not", ({ expect }) => {
    const given = template({
      variables: [
        { name: "model.apiKey", type: "string", default: SEED },
        { name: "channels", type: "object", default: { discord: { token: SEED } } },
        { name: "agent.persona", type: "object", secret: true, default: { a: [SEED], b: 5, c: true } },
      ],
      base: { models: { providers: { own: { baseUrl: "http://a", apiKey: SEED, models: [] } } }, env: { vars: { X_API_KEY: SEED } } },
    });
    const stored = sealTemplate(given, undefined, adapter, cipher);
    expect(JSON.stringify(stored)).not.toContain(SEED);
    expect(ConfigTemplateSpecSchema.parse(maskLeaves(stored)).base["models"]).toEqual({
      providers: { own: { baseUrl: "http://a", apiKey: SECRET_MASK, models: [] } },
    });
    expect(openTemplate(stored, { cipher }, () => undefined)).toEqual(given);
  });

  it("stays masked when its variable is not declared secret any more", ({ expect }) => {
    const variable = { name: "agent.persona", type: "string", default: SEED };
    const before = sealTemplate(template({ variables: [{ ...variable, secret: true }] }), undefined, adapter, cipher);
    for (const value of [SEED, SECRET_MASK, "another-text"]) {
      const after = sealTemplate(template({ variables: [{ ...variable, default: value }] }), before, adapter, cipher);
      expect(JSON.stringify(diffValues(before, after))).not.toMatch(/hunter2|another-text/);
      expect(JSON.stringify(resolved(instance([]), after).parsed.native)).not.toMatch(/hunter2|another-text/);
    }
    // So does what instances set of it while it was.
    const override = sealed(instance([{ key: "agent.persona", value: SEED }]), undefined, before.variables);
    const { parsed, secrets } = resolved(override, template({ variables: [variable] }));
    expect([...secrets]).toEqual(["agent.persona"]);
    expect(JSON.stringify(parsed.native)).not.toContain(SEED);
  });
});

describe("a mask that is sent back", () => {
  const former = sealed(
    instance([
      { key: "channels.telegram", value: { botToken: SEED } },
      {
        key: "mcp.servers",
        value: {
          list: [
            { name: "a", token: "first-token" },
            { name: "b", token: "second-token" },
          ],
        },
      },
    ]),
  );

  it("means the former value, wherever the object around it is cut", ({ expect }) => {
    const again = sealed(instance([{ key: "channels.telegram.botToken", value: SECRET_MASK }]), former);
    expect(resolved(again).parsed.secretEnv).toEqual({ CLAW_SECRET_CHANNELS_TELEGRAM_BOT_TOKEN: SEED });
    expect(sealed(maskLeaves(former), former)).toEqual(former);
  });

  it("follows the item of a list by its name", ({ expect }) => {
    const one = sealed(instance([{ key: "mcp.servers", value: { list: [{ name: "b", token: SECRET_MASK }] } }]), former);
    expect(Object.values(resolved(one).parsed.secretEnv)).toEqual(["second-token"]);
  });

  it("means the former value where what names the items is secret too, and the same again is no change", ({ expect }) => {
    const given = instance([
      { key: "mcp.list", value: [{ key: "first-key" }, { key: "${REFERRED_KEY}", token: SEED }] },
      {
        key: "hooks.tokens",
        value: [
          { name: "a", value: "first-token" },
          { name: "b", value: SEED },
        ],
      },
    ]);
    const stored = sealed(given);
    expect(sealed(given, stored)).toEqual(stored);
    expect(sealed(maskLeaves(stored), stored)).toEqual(stored);
  });

  it("is refused where no secret is stored, with its place", ({ expect }) => {
    const unnamed = sealed(instance([{ key: "model", value: { list: [{ token: "a-token" }, { token: "b-token" }] } }]));
    const shortened = instance([{ key: "model", value: { list: [{ token: SECRET_MASK }] } }]);
    for (const before of [undefined, unnamed]) {
      expect(() => sealed(shortened, before)).toThrow(
        expect.objectContaining({
          code: "request.invalid",
          issues: [expect.objectContaining({ path: "spec.config.overrides[model].value.list.0.token" })],
        }),
      );
    }
  });
});

const NAMES = ["apiKey", "botToken", "client_secret", "OPENAI_API_KEY", "password", "privateKey", "Authorization", "AWS_SECRET_ACCESS_KEY"];
const segment = fc.constantFrom("a", "list", "deep", "settings", "x-1");

/** A value with the seed at a secret name somewhere within. */
const planted: fc.Arbitrary<unknown> = fc
  .tuple(fc.constantFrom(...NAMES), fc.array(fc.oneof(segment, fc.constant(0)), { maxLength: 6 }), fc.jsonValue({ maxDepth: 2 }))
  .map(([name, path, beside]) =>
    path.reduce<unknown>((value, step) => (step === 0 ? [beside, value] : { [step]: value, beside }), { [name]: SEED, beside }),
  );

describe("secrets planted anywhere", () => {
  it("are in nothing that is stored, shown or rendered, and unchanged when the same is written again", ({ expect }) => {
    fc.assert(
      fc.property(planted, planted, planted, (override, byDefault, base) => {
        const key = "plugins.own.config";
        const given = template({ variables: [{ name: "tools.own", type: "object", default: { byDefault } }], base: { hooks: { base } } });
        const spec = instance([{ key, value: override }]);
        const storedTemplate = sealTemplate(given, undefined, adapter, cipher);
        const storedSpec = sealed(spec, undefined, storedTemplate.variables);
        const { parsed, issues } = resolved(storedSpec, storedTemplate);
        const outside = [
          storedTemplate,
          storedSpec,
          maskLeaves(storedSpec),
          diffValues(undefined, storedSpec),
          parsed.native,
          parsed.issues,
          issues,
        ];
        expect(JSON.stringify(outside)).not.toContain(SEED);
        expect(Object.values(parsed.secretEnv).filter((value) => value === SEED)).toHaveLength(3);
        expect(sealTemplate(given, storedTemplate, adapter, cipher)).toEqual(storedTemplate);
        expect(sealed(spec, storedSpec, storedTemplate.variables)).toEqual(storedSpec);
        expect(sealed(maskLeaves(storedSpec), storedSpec, storedTemplate.variables)).toEqual(storedSpec);
      }),
    );
  });
});
