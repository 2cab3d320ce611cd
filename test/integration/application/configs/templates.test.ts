import { describe, it } from "vitest";
import { anApplication } from "../../../support/application.ts";
import { anInstance, aTemplate, aTenant } from "../../../support/builders/manifests.ts";

const app = await anApplication();
await app.admin().tenants.create(aTenant("acme"));
const claw = app.as({ tenant: "acme" });

describe("a template that no instance could use", () => {
  it.for([
    {
      name: "a variable that its type does not know",
      spec: { variables: [{ name: "reply.suffix", type: "string" }] },
      issue: { path: "reply.suffix", fix: "did you mean 'reply.prefix'?" },
    },
    {
      name: "a variable whose type is not that of the claw's own",
      spec: { variables: [{ name: "reply.wordDelayMs", type: "string" }] },
      issue: { path: "reply.wordDelayMs" },
    },
    {
      name: "a key of its base that the platform sets",
      spec: { adapter: "OpenClawAdapter", base: { gateway: { port: 18_789 } } },
      issue: { path: "native.gateway.port", fix: "remove it" },
    },
    {
      name: "a folder that each of its instances would write to",
      spec: { adapter: "OpenClawAdapter", base: { agents: { entries: { main: { workspace: "/home/node/.openclaw/workspace" } } } } },
      issue: { path: "native.agents.entries.main.workspace", fix: "begin it with '${CLAW_DATA_DIR}/', the instance's own folder" },
    },
    {
      name: "a variable beneath a key that is known",
      spec: { adapter: "OpenClawAdapter", variables: [{ name: "model.nmae", type: "string", required: true }] },
      issue: { path: "model.nmae", fix: "did you mean 'name'?" },
    },
  ])("is not published, and stays a draft: $name", async ({ spec, issue }, { expect }) => {
    const manifest = aTemplate("unusable", spec);
    const located = { ...issue, path: `manifests[0].${issue.path}` };
    await expect(claw.previews.create({ manifests: [manifest] })).rejects.toMatchObject({ code: "config.invalid", issues: [located] });
    await claw.configs.create(manifest);
    await expect(claw.configs.publish("unusable")).rejects.toMatchObject({ code: "config.invalid", issues: [issue] });
    expect((await claw.configs.get("unusable")).status.publishedVersion).toBe(0);
    await claw.configs.delete("unusable");
  });

  it("is none because of what its instances may give still", async ({ expect }) => {
    const variables = [
      { name: "model.name", type: "string", required: true },
      { name: "model.baseUrl", type: "string", default: "https://models.example.com/v1" },
      { name: "channels.telegram.botToken", type: "string", required: true, secret: true },
    ];
    await claw.configs.create(aTemplate("usable", { adapter: "OpenClawAdapter", variables }));
    expect(await claw.configs.publish("usable")).toMatchObject({ version: 1 });
  });
});

describe("a template whose instances run several versions", () => {
  const strict = (...keys: readonly string[]) => ({
    type: "object",
    properties: {
      session: {
        type: "object",
        properties: Object.fromEntries(keys.map((key) => [key, { type: "string" }])),
        additionalProperties: false,
      },
    },
  });
  const base = (session: object) => ({ adapter: "OpenClawAdapter", base: { session } });
  app.programs.schema = strict("dmScope", "identity");
  app.programs.schemas.set("2026.9.4", strict("dmScope", "legacy"));
  const runs = (name: string, version?: string) =>
    anInstance(name, { type: "OpenClaw", ...(version && { version }), config: { template: "common", overrides: [] } });

  it("is judged by each of them, and by the default one while it has no instance", async ({ expect }) => {
    await claw.configs.create(aTemplate("common", base({ dmScope: "per-peer" })));
    await claw.configs.publish("common");
    await claw.instances.create(runs("old", "2026.9.4"));
    // The default version would take this, which runs nowhere.
    await claw.configs.replace("common", aTemplate("common", base({ dmScope: "per-peer", identity: "x" })));
    await expect(claw.configs.publish("common")).rejects.toMatchObject({
      code: "config.invalid",
      issues: [
        {
          path: "native.session.identity",
          message: "unknown key 'identity' (version 2026.9.4, which instance 'old' runs)",
        },
      ],
    });
    // And refuse this, which every instance takes.
    await claw.configs.replace("common", aTemplate("common", base({ legacy: "x" })));
    expect(await claw.configs.publish("common")).toMatchObject({ version: 2 });
    expect(await claw.configs.validate("common", { values: {} })).toEqual({ valid: true, issues: [] });

    await claw.configs.replace("common", aTemplate("common", base({ dmScope: "main" })));
    await claw.configs.publish("common");
    await claw.instances.create(runs("new"));
    await claw.configs.replace("common", aTemplate("common", base({ legacy: "x" })));
    await expect(claw.configs.publish("common")).rejects.toMatchObject({
      issues: [{ message: "unknown key 'legacy' (version 2026.9.6, which instance 'new' runs)" }],
    });
  });
});
