import { describe, it } from "vitest";
import { anApplication } from "../../../support/application.ts";
import { anInstance, aTenant } from "../../../support/builders/manifests.ts";

const app = await anApplication();
const policies = [{ name: "allowed-models", value: "anthropic/claude-sonnet-5, gpt-5-mini, local/*" }];
await app.admin().tenants.create(aTenant("acme", { policies }));
const claw = app.as({ tenant: "acme" });

const anOpenClaw = (overrides: readonly { key: string; value: unknown }[]) =>
  anInstance("web", { type: "OpenClaw", config: { overrides } });
const ALLOWED = "anthropic/claude-sonnet-5";
const OTHER = "openai/gpt-5";

describe("the policy allowed-models", () => {
  it.for([
    { name: "by its short name", overrides: [{ key: "model.name", value: "claude-sonnet-5" }] },
    { name: "with its provider", overrides: [{ key: "model.name", value: ALLOWED }] },
    { name: "in OpenClaw's own words", overrides: [{ key: "agents.defaults.model.primary", value: ALLOWED }] },
    { name: "of any provider", overrides: [{ key: "agents.defaults.model", value: "openrouter/openai/gpt-5-mini" }] },
    {
      name: "of a provider that is allowed as a whole",
      overrides: [
        { key: "models.providers.local", value: { baseUrl: "http://l", models: [] } },
        { key: "agents.defaults.model", value: "local/any" },
      ],
    },
  ])("lets a model through that is named $name", async ({ overrides }, { expect }) => {
    const { verdicts } = await claw.previews.create({ manifests: [anOpenClaw(overrides)] });
    expect(verdicts.find(({ name }) => name === "allowed-models")).toMatchObject({ allowed: true });
  });

  it.for([
    { path: "model.name", overrides: [{ key: "model.name", value: "gpt-5" }] },
    { path: "agents.defaults.model.primary", overrides: [{ key: "agents.defaults.model.primary", value: OTHER }] },
    { path: "agents.defaults.model", overrides: [{ key: "agents.defaults.model", value: OTHER }] },
    {
      path: "model.fallbacks.0",
      overrides: [
        { key: "model.name", value: ALLOWED },
        { key: "model.fallbacks", value: [OTHER] },
      ],
    },
    {
      path: "agents.entries.main.model",
      overrides: [
        { key: "agents.defaults.model", value: ALLOWED },
        { key: "agents.entries.main.model", value: OTHER },
      ],
    },
    {
      path: "agents.entries.main.heartbeat.model",
      overrides: [{ key: "agents.entries.main", value: { model: ALLOWED, heartbeat: { model: OTHER } } }],
    },
    {
      path: `agents.defaults.models["openai/gpt-5.1"]`,
      overrides: [
        { key: "agents.defaults.model", value: ALLOWED },
        { key: `agents.defaults.models["openai/gpt-5.1"].alias`, value: "fast" },
      ],
    },
    {
      path: "hooks.mappings.0.model",
      overrides: [
        { key: "agents.defaults.model", value: ALLOWED },
        { key: "hooks.mappings", value: [{ id: "a", model: OTHER }] },
      ],
    },
  ])("refuses another, by whatever key it is set: $path", async ({ path, overrides }, { expect }) => {
    await expect(claw.instances.create(anOpenClaw(overrides))).rejects.toMatchObject({
      code: "policy.denied",
      message: expect.stringContaining(`${path} is 'openai/gpt-5`),
    });
  });

  it("knows a model by its alias", async ({ expect }) => {
    const overrides = [
      { key: "agents.defaults.models", value: { [ALLOWED]: { alias: "main" } } },
      { key: "agents.defaults.model", value: "main" },
    ];
    const { verdicts } = await claw.previews.create({ manifests: [anOpenClaw(overrides)] });
    expect(verdicts.find(({ name }) => name === "allowed-models")).toMatchObject({ allowed: true });
  });

  it("is OpenClaw's own list of what a chat may choose, and follows the policy", async ({ expect }) => {
    const agents = { free: { modelPolicy: { allow: [] } }, narrow: { modelPolicy: { allow: [ALLOWED] } }, plain: {} };
    const overrides = [
      { key: "model.name", value: "claude-sonnet-5" },
      { key: "agents.ownership", value: "explicit" },
      { key: "agents.entries", value: agents },
    ];
    await claw.instances.create(anOpenClaw(overrides));
    const rendered = async () => {
      await app.settle();
      return JSON.parse(app.stacks.made("acme", "web")?.runtime.files[0]?.content ?? "").agents;
    };
    const list = [ALLOWED, "anthropic/gpt-5-mini", "local/*", "openai/gpt-5-mini"];
    expect(await rendered()).toMatchObject({
      defaults: { modelPolicy: { allow: list } },
      entries: { free: { modelPolicy: { allow: list } }, narrow: { modelPolicy: { allow: [ALLOWED] } }, plain: {} },
    });
    await app.admin().tenants.replace("acme", aTenant("acme", { policies: [{ name: "allowed-models", value: ALLOWED }] }));
    expect((await rendered()).defaults.modelPolicy).toEqual({ allow: [ALLOWED] });
    await app.admin().tenants.replace("acme", aTenant("acme"));
    expect((await rendered()).defaults.modelPolicy).toBeUndefined();
  });
});
