import { describe, it } from "vitest";
import type { ApiError } from "../../../../sdk/client/index.ts";
import { anApplication } from "../../../support/application.ts";
import { anInstance, aTemplate, aTenant } from "../../../support/builders/manifests.ts";

const app = await anApplication();
await app.admin().tenants.create(aTenant("acme"));
const claw = app.as({ tenant: "acme" });

const anOpenClaw = (name: string, overrides: readonly { key: string; value: unknown }[], template?: string) =>
  anInstance(name, { type: "OpenClaw", config: { overrides, ...(template !== undefined && { template }) } });

const rendered = async (name: string): Promise<{ native: Record<string, unknown>; secretEnv: Record<string, string> }> => {
  await app.settle();
  const runtime = app.stacks.made("acme", name)?.runtime;
  return { native: JSON.parse(runtime?.files[0]?.content ?? "{}"), secretEnv: { ...runtime?.secretEnv } };
};

const refusal = (work: Promise<unknown>): Promise<ApiError> =>
  work.then(
    () => Promise.reject(new Error("it was accepted")),
    (error: unknown) => error as ApiError,
  );

describe("a name with dots in a key", () => {
  it("is addressed by an override when it is quoted", async ({ expect }) => {
    const alias = { key: `agents.defaults.models["openai/gpt-5.1"].alias`, value: "fast" };
    const provider = { key: `models.providers["z.ai"].apiKey`, value: "a-key-of-z-ai-1" };
    await claw.instances.create(anOpenClaw("dotted", [{ key: "model.name", value: "openai/gpt-5.1" }, alias, provider]));
    const { native, secretEnv } = await rendered("dotted");
    expect(native).toMatchObject({
      agents: { defaults: { models: { "openai/gpt-5.1": { alias: "fast" } } } },
      models: { providers: { "z.ai": { apiKey: "${CLAW_SECRET_MODELS_PROVIDERS_Z_AI_API_KEY}" } } },
    });
    expect(secretEnv).toMatchObject({ CLAW_SECRET_MODELS_PROVIDERS_Z_AI_API_KEY: "a-key-of-z-ai-1" });
    const { spec } = await claw.instances.get("dotted");
    expect(spec.config.overrides).toContainEqual({ ...provider, value: "[secret]" });
    const changed = await claw.previews.create({ manifests: [anOpenClaw("dotted", [...spec.config.overrides.slice(0, 2), provider])] });
    expect(changed.items[0]?.op).toBe("same");
  });

  it("may be a provider's, of which a model's name tells", async ({ expect }) => {
    const overrides = [
      { key: "model.name", value: "z.ai/glm-4.6" },
      { key: "model.apiKey", value: "a-key-of-z-ai-2" },
    ];
    await claw.instances.create(anOpenClaw("by-name", overrides));
    const { native } = await rendered("by-name");
    expect(native).toMatchObject({
      agents: { defaults: { model: { primary: "z.ai/glm-4.6" } } },
      models: { providers: { "z.ai": { apiKey: "${CLAW_SECRET_MODEL_API_KEY}" } } },
    });
  });

  it("is a variable's name in a template, over the template's own settings", async ({ expect }) => {
    const key = `models.providers["my.own"].models`;
    const spec = {
      adapter: "OpenClawAdapter",
      variables: [{ name: `models.providers["my.own"].apiKey`, type: "string", required: true, secret: true }],
      base: { models: { providers: { "my.own": { baseUrl: "http://own.example/v1", models: [] } } } },
    };
    await claw.configs.create(aTemplate("dotted", spec));
    await claw.configs.publish("dotted");
    const apiKey = { key: `models.providers["my.own"].apiKey`, value: "plain-as-day" };
    const missing = await refusal(claw.instances.create(anOpenClaw("of-template", [{ key, value: 3 }, apiKey], "dotted")));
    expect(missing.issues.map(({ path }) => path)).toEqual([key]);
    await claw.instances.create(anOpenClaw("of-template", [apiKey], "dotted"));
    const { native, secretEnv } = await rendered("of-template");
    expect(native).toMatchObject({ models: { providers: { "my.own": { baseUrl: "http://own.example/v1" } } } });
    expect(Object.values(secretEnv)).toContain("plain-as-day");
  });

  it("is quoted in what is wrong with it, and in what changes", async ({ expect }) => {
    const models = { "openai/gpt-5.1": { alias: 7 } };
    const error = await refusal(
      claw.instances.create(anOpenClaw("wrong", [{ key: "models.providers", value: { "own.ai": { baseUrl: 1 } } }])),
    );
    expect(error.issues.map(({ path }) => path)).toContain(`models.providers["own.ai"].baseUrl`);
    await claw.configs.create(aTemplate("shown", { adapter: "OpenClawAdapter", base: { agents: { defaults: { models } } } }));
    const changed = aTemplate("shown", {
      adapter: "OpenClawAdapter",
      base: { agents: { defaults: { models: { "openai/gpt-5.1": { alias: "fast" } } } } },
    });
    const preview = await claw.previews.create({ manifests: [changed] });
    expect(preview.items[0]?.diffs.map(({ path }) => path)).toEqual([`spec.base.agents.defaults.models["openai/gpt-5.1"].alias`]);
  });

  it.for([
    { key: `["model"].name`, fix: "write model.name" },
    { key: "agents.list[0].id", fix: "correct the value" },
    { key: `models["open`, fix: "correct the value" },
    { key: "model..name", fix: "correct the value" },
  ])("has one spelling: $key is refused", async ({ key, fix }, { expect }) => {
    const manifest = { ...anOpenClaw("x", []), spec: { type: "OpenClaw", config: { overrides: [{ key, value: "x" }] } } };
    const error = await refusal(claw.instances.create(manifest));
    expect(error.issues).toEqual([{ path: "spec.config.overrides[0].key", message: expect.any(String), fix }]);
  });
});
