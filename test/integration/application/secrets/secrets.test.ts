import { describe, it } from "vitest";
import { anApplication } from "../../../support/application.ts";
import { anEcho, anInstance, aTemplate, aTenant } from "../../../support/builders/manifests.ts";

const SECRET = "hunter2-is-not-a-good-key";
const app = await anApplication();
await app.admin().tenants.create(aTenant("acme"));
const claw = app.as({ tenant: "acme" });

describe("a secret value", () => {
  it("is in no answer, preview, event or database row, and reaches the claw", async ({ expect }) => {
    const variables = [{ name: "reply.prefix", type: "string", required: true, secret: true, description: "A key" }];
    await claw.configs.create(aTemplate("keyed", { variables }));
    await claw.configs.publish("keyed");
    const config = { template: "keyed", overrides: [{ key: "reply.prefix", value: SECRET }] };
    const answers: unknown[] = [];
    answers.push(await claw.previews.create({ manifests: [anEcho("keeper", { config })] }));
    answers.push(await claw.instances.create(anEcho("keeper", { config })));
    await app.settle();
    answers.push(await claw.instances.get("keeper"));
    answers.push(await claw.instances.list(), await claw.instances.events("keeper", {}), await claw.configs.get("keyed"));
    answers.push(await claw.previews.create({ changes: [{ action: "restart", name: "keeper" }] }));
    expect(JSON.stringify(answers)).not.toContain(SECRET);
    expect(JSON.stringify(answers)).toContain("[secret]");
    expect(await app.tablesWith(SECRET)).toEqual([]);
    expect(Object.values(app.stacks.made("acme", "keeper")?.runtime.secretEnv ?? {})).toContain(SECRET);
  });

  it("is in nothing of a template or an instance of OpenClaw either, wherever it stands", async ({ expect }) => {
    const spec = {
      adapter: "OpenClawAdapter",
      variables: [{ name: "model.apiKey", type: "string", default: SECRET }],
      base: {
        models: { providers: { own: { baseUrl: "http://own.example", apiKey: SECRET, models: [] } } },
        channels: { telegram: { accounts: { main: { botToken: SECRET } } } },
        env: { vars: { OPENROUTER_API_KEY: SECRET } },
      },
    };
    const answers: unknown[] = [await claw.configs.create(aTemplate("open", spec))];
    answers.push(await claw.configs.publish("open"), await claw.configs.validate("open", { values: { "model.name": "gpt-5-mini" } }));
    const overrides = [
      { key: "model", value: { name: "gpt-5-mini", apiKey: SECRET } },
      { key: "channels.telegram", value: { botToken: SECRET } },
      { key: "tools.web.search.apiKey", value: SECRET },
      { key: "hooks.token", value: SECRET },
    ];
    const manifest = anInstance("open", { type: "OpenClaw", config: { template: "open", overrides } });
    const preview = await claw.previews.create({ manifests: [manifest] });
    answers.push(preview, await claw.previews.get(preview.planId ?? ""));
    answers.push(await claw.instances.create(manifest));
    await app.settle();
    answers.push(await claw.instances.get("open"), await claw.instances.events("open"));
    const turnedOff = { ...spec, variables: [{ ...spec.variables[0], secret: false, default: "another-good-key" }] };
    answers.push(await claw.previews.create({ manifests: [aTemplate("open", turnedOff)] }));
    answers.push(await claw.configs.versions("open"), await claw.configs.get("open"), await claw.configs.list());
    expect(JSON.stringify(answers)).not.toMatch(/hunter2|another-good-key/);
    expect(preview.items[0]?.files[0]?.diff).toContain("CLAW_SECRET_MODEL_API_KEY");
    expect(await app.tablesWith(SECRET)).toEqual([]);
    expect(await app.tablesWith("another-good-key")).toEqual([]);
  });

  it("is unchanged when its mask is sent back", async ({ expect }) => {
    const { metadata, spec } = await claw.instances.get("keeper");
    const answer = await claw.instances.replace("keeper", anEcho("keeper", spec));
    expect(answer).toMatchObject({ metadata: { generation: metadata.generation } });
  });

  it("is not its mask: what was read is refused under another name, wherever the secret stands", async ({ expect }) => {
    // Secret by its form alone: nothing else says that a mask in its place stands for something.
    const overrides = [
      { key: "model.name", value: "gpt-5-mini" },
      { key: "messages.responsePrefix", value: "sk-aaaaaaaaaaaaaaaaaaaaaaaa" },
    ];
    await claw.instances.create(anInstance("original", { type: "OpenClaw", config: { overrides } }));
    const { spec } = await claw.instances.get("original");
    expect(spec.config.overrides[1]).toEqual({ key: "messages.responsePrefix", value: "[secret]" });
    const copied = claw.instances.create(anInstance("copy", spec));
    await expect(copied).rejects.toMatchObject({
      issues: [{ path: "spec.config.overrides[messages.responsePrefix].value", fix: expect.stringContaining("the secret itself") }],
    });
    expect(await claw.instances.replace("original", anInstance("original", spec))).toMatchObject({ metadata: { generation: 1 } });
  });
});
