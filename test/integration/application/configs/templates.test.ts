import { describe, it } from "vitest";
import { anApplication } from "../../../support/application.ts";
import { aTemplate, aTenant } from "../../../support/builders/manifests.ts";

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
