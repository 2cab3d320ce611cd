import { describe, it } from "vitest";
import type { ClawInstanceInput } from "../../../../sdk/contract/index.ts";
import { anApplication } from "../../../support/application.ts";
import { anEcho, anInstance, aTemplate, aTenant } from "../../../support/builders/manifests.ts";

const app = await anApplication();
await app.admin().tenants.create(aTenant("acme"));
const claw = app.as({ tenant: "acme" });

const TOKEN = "123456:AAtelegram-token-of-a-bot";
type Overrides = readonly { key: string; value: unknown }[];
const anOpenClaw = (name: string, overrides: Overrides, spec: object = {}) =>
  anInstance(name, { type: "OpenClaw", config: { overrides }, ...spec });
const aBot = (name: string, token = TOKEN, spec: object = {}) =>
  anOpenClaw(name, [{ key: "channels.telegram.botToken", value: token }], spec);

/** What the preview of manifests warns of; none of it keeps anybody from applying. */
const warned = async (...manifests: ClawInstanceInput[]) => {
  const { items, planId } = await claw.previews.create({ manifests });
  return {
    isApplicable: planId !== undefined,
    told: items.flatMap(({ name, problems }) => problems.map((problem) => ({ name, ...problem }))),
  };
};

describe("a preview warns", () => {
  it("of a version that goes back, since its data may not", async ({ expect }) => {
    await claw.instances.create(anOpenClaw("aged", [], { version: "2026.9.10" }), { allowUnchecked: true });
    await app.settle();
    const back = await warned(anOpenClaw("aged", [], { version: "2026.9.6" }));
    expect(back.isApplicable).toBe(true);
    expect(back.told).toMatchObject([
      { name: "aged", path: "spec.version", message: expect.stringContaining("goes back from 2026.9.10 to 2026.9.6"), blocking: false },
    ]);
    expect((await warned(anOpenClaw("aged", [], { version: "2026.10.1" }))).told).toEqual([]);
  });

  it("of a port that another instance of the tenant wants on the same host", async ({ expect }) => {
    const withPort = (name: string, port: number) => anEcho(name, { network: { port } });
    expect((await warned(withPort("first", 20_500), withPort("second", 20_500))).told).toMatchObject([
      { name: "first", path: "spec.network.port", message: expect.stringContaining("instance 'second'") },
      { name: "second", path: "spec.network.port", message: expect.stringContaining("instance 'first'") },
    ]);
    await claw.instances.create(withPort("first", 20_500));
    expect((await warned(withPort("second", 20_500))).told).toMatchObject([{ message: expect.stringContaining("instance 'first'") }]);
    expect((await warned(withPort("second", 20_501))).told).toEqual([]);
    expect((await warned(withPort("first", 20_500))).told).toEqual([]);
    // OpenClaw takes more than one.
    expect((await warned(anOpenClaw("wide", [], { network: { port: 20_450 } }))).told).toMatchObject([{ path: "spec.network.port" }]);
  });

  it("of a bot that another instance runs, and never shows its token", async ({ expect }) => {
    const both = await warned(aBot("one"), aBot("two"));
    expect(both.told).toMatchObject([
      { name: "one", path: "channels.telegram.botToken", message: expect.stringContaining("instance 'two'") },
      { name: "two", path: "channels.telegram.botToken", message: expect.stringContaining("instance 'one'") },
    ]);
    expect(JSON.stringify(both)).not.toContain(TOKEN);
    await claw.instances.create(aBot("one"), { allowUnchecked: true });
    await app.settle();
    expect((await warned(aBot("two"))).told).toMatchObject([{ message: expect.stringContaining("instance 'one'") }]);
    const referred = [
      { key: "channels.telegram.accounts.main.botToken", value: "${BOT}" },
      { key: "environment.BOT", value: TOKEN },
    ];
    expect((await warned(anOpenClaw("two", referred))).told).toMatchObject([{ path: "channels.telegram.accounts.main.botToken" }]);
    expect((await warned(aBot("two", "654321:AAanother-token-of-a-bot"))).told).toEqual([]);
    expect((await warned(aBot("two", TOKEN, { running: false }))).told).toEqual([]);
    // It is as it was.
    expect((await warned(aBot("one"))).told).toEqual([]);
  });

  it("of a port and a bot that another tenant's instance has, which it does not name", async ({ expect }) => {
    await app.admin().tenants.create(aTenant("globex"));
    const theirs = app.as({ tenant: "globex" });
    const token = "777777:AAtoken-of-a-bot-of-theirs";
    const secretive = aBot("secretive", token, { network: { port: 21_500 } });
    await theirs.instances.create(secretive, { allowUnchecked: true });
    await app.settle();
    const both = await warned(aBot("mine", token, { network: { port: 21_500 } }));
    expect(both.isApplicable).toBe(true);
    expect(both.told.map(({ path, message }) => [path, message])).toEqual([
      ["spec.network.port", expect.stringMatching(/^port 21500, .* on this host is taken by another tenant's instance/)],
      ["channels.telegram.botToken", expect.stringMatching(/^is the account of another tenant's instance too/)],
    ]);
    expect(JSON.stringify(both)).not.toMatch(/secretive|globex/);
    expect(await app.tablesWith(token)).toEqual([]);

    // A stopped one uses neither its account nor that of before.
    await theirs.instances.replace("secretive", { ...secretive, spec: { ...secretive.spec, running: false } }, { allowUnchecked: true });
    expect((await warned(aBot("mine", token))).told).toEqual([]);
    await theirs.instances.replace("secretive", secretive, { allowUnchecked: true });
    expect((await warned(aBot("mine", token))).told).toHaveLength(1);
    await theirs.instances.delete("secretive");
    expect((await warned(aBot("mine", token, { network: { port: 21_500 } }))).told).toEqual([]);
  });

  it("of a bot that another instance has of its template", async ({ expect }) => {
    const base = { channels: { discord: { token: "a-discord-token-0815" } } };
    await claw.configs.create(aTemplate("bots", { adapter: "OpenClawAdapter", base }));
    await claw.configs.publish("bots");
    const ofTemplate = (name: string) => anInstance(name, { type: "OpenClaw", config: { template: "bots" } });
    await claw.instances.create(ofTemplate("templated"), { allowUnchecked: true });
    const preview = await warned(ofTemplate("again"));
    expect(preview.told).toMatchObject([
      { name: "again", path: "native.channels.discord.token", message: expect.stringContaining("'templated'") },
    ]);
  });

  it("of sandboxes that want Docker, which no claw reaches where they are confined", async ({ expect }) => {
    const sandbox = (value: object) => anOpenClaw("boxed", [{ key: "agents.defaults.sandbox", value }]);
    expect((await warned(sandbox({ mode: "non-main" }))).told).toMatchObject([
      { path: "agents.defaults.sandbox.mode", message: expect.stringContaining("Docker engine"), blocking: false },
    ]);
    expect((await warned(sandbox({ mode: "off" }))).told).toEqual([]);
    expect((await warned(sandbox({ mode: "all", backend: "ssh" }))).told).toEqual([]);
  });
});
