import { describe, it } from "vitest";
import { createConfigChecks } from "../../../../service/application/instances/config-checks.ts";
import { PlayedPrograms } from "../../../support/application/programs.ts";
import { anApplication } from "../../../support/application.ts";
import { aClusterManifest } from "../../../support/builders/cluster.ts";
import { anInstance, aTemplate, aTenant } from "../../../support/builders/manifests.ts";

const app = await anApplication();
await app.admin().tenants.create(aTenant("acme"));
const claw = app.as({ tenant: "acme" });

const anOpenClaw = (name: string, ...overrides: { key: string; value: unknown }[]) =>
  anInstance(name, { type: "OpenClaw", config: { overrides } });

describe("a path in a claw's configuration", () => {
  it.for([
    "/home/node/.openclaw/workspace-research",
    "/tmp/shared",
    "..",
    "../other/data",
    "${CLAW_DATA_DIR}/../other",
    "~/../../other",
    "$HOME/x",
    "${SOMEWHERE}/x",
  ])("is refused where it leads out of the instance: %s", async (workspace, { expect }) => {
    const write = claw.instances.create(anOpenClaw("out", { key: "agents.entries.research.workspace", value: workspace }));
    await expect(write).rejects.toMatchObject({
      code: "config.invalid",
      issues: expect.arrayContaining([
        expect.objectContaining({
          path: "agents.entries.research.workspace",
          fix: "begin it with '${CLAW_DATA_DIR}/', the instance's own folder",
        }),
      ]),
    });
  });

  it("is accepted inside of it, by whichever of its names", async ({ expect }) => {
    const folders = ["${CLAW_DATA_DIR}/research", "~/research", "research", "${HOME}/a/../b", "${dataDir}/research"];
    const entries = Object.fromEntries(folders.map((workspace, index) => [`agent${index}`, { workspace }]));
    const preview = await claw.previews.create({
      manifests: [
        anOpenClaw("in", { key: "agents", value: { ownership: "explicit", entries } }, { key: "worktreeRoot", value: "~/trees" }),
      ],
    });
    expect(preview.items[0]?.problems).toEqual([]);
  });
});

describe("the claw's own program", () => {
  const ownership = { path: "agents", message: "OpenClaw refuses it: multiple agents require agents.ownership", fix: "set it" };

  it("has the last word before anything is written, by the key that the user gave", async ({ expect, onTestFinished }) => {
    app.programs.refusals = ({ content }) => (content.includes("second-agent") ? [ownership] : []);
    onTestFinished(() => {
      app.programs.refusals = () => [];
    });
    const manifest = anOpenClaw("refused", { key: "native.agents.entries", value: { main: {}, "second-agent": {} } });
    const preview = await claw.previews.create({ manifests: [manifest] });
    expect(preview.planId).toBeUndefined();
    expect(preview.items[0]?.problems).toEqual([{ ...ownership, path: "native.agents", blocking: true }]);
    await expect(claw.instances.create(manifest)).rejects.toMatchObject({
      code: "config.invalid",
      issues: [expect.objectContaining({ path: "native.agents" })],
    });
    await expect(claw.instances.get("refused")).rejects.toMatchObject({ code: "instance.not_found" });
  });

  it("is asked once about what is rendered alike, by every replica together, and never with a secret", async ({ expect }) => {
    const before = app.programs.asked.length;
    const timezone = { key: "agent.timezone", value: "Europe/Paris" };
    const token = (value: string) => ({ key: "channels.telegram.botToken", value });
    await claw.previews.create({ manifests: [anOpenClaw("alike-1", timezone, token("1:first-secret"))] });
    await claw.instances.create(anOpenClaw("alike-1", timezone, token("1:first-secret")));
    await claw.instances.create(anOpenClaw("alike-2", timezone, token("2:second-secret")));
    await claw.instances.restart("alike-1");
    const asked = app.programs.asked.slice(before);
    expect(asked).toHaveLength(1);
    expect(JSON.stringify(asked)).not.toMatch(/first-secret|second-secret/);
    const programs = new PlayedPrograms();
    const replica = createConfigChecks({ ...app.dependencies, programs });
    await replica.ask(asked);
    expect(asked.map((question) => replica.known(question))).toMatchObject([{ said: [], isAsked: true, unchecked: undefined }]);
    expect(programs.asked).toEqual([]);
  });

  it("that can't be asked leaves a config unchecked, which is said, and written only by those who allow it", async ({ expect }) => {
    const why = "VersionNotFound: openclaw@2026.9.1 is not in the npm registry: choose a version that exists";
    app.programs.unavailable.set("2026.9.1", why);
    const manifest = (name: string) => anInstance(name, { type: "OpenClaw", version: "2026.9.1" });
    const refusal = { code: "config.unchecked", status: 409, issues: [{ path: "unseen", message: `not checked: ${why}` }] };
    await expect(claw.instances.create(manifest("unseen"))).rejects.toMatchObject(refusal);
    await claw.instances.create(manifest("unseen"), { allowUnchecked: true });
    // A plan says so, and that is what is applied.
    const plan = await claw.previews.create({ manifests: [manifest("seen"), anOpenClaw("checked")] });
    expect(plan.items.map(({ name, unchecked }) => [name, unchecked])).toEqual([
      ["seen", why],
      ["checked", undefined],
    ]);
    expect(plan.summary.unchecked).toBe(1);
    await plan.apply();
    // What does not touch its config does not ask again.
    await claw.instances.restart("unseen");
    await claw.instances.stop("unseen");
  });

  it("is asked for the instances of a template too, which are named", async ({ expect }) => {
    const spec = (name: string) => ({ adapter: "OpenClawAdapter", variables: [{ name: "model.name", type: "string", default: name }] });
    await claw.configs.create(aTemplate("models", spec("gpt-5")));
    await claw.configs.publish("models");
    await claw.instances.create(anInstance("user", { type: "OpenClaw", version: "2026.9.2", config: { template: "models" } }));
    app.programs.unavailable.set("2026.9.2", "RegistryUnreachable: it can't be installed");
    app.programs.schema = null;
    await claw.instances.create(anInstance("other", { type: "OpenClaw", version: "2026.9.3", config: { template: "models" } }), {
      allowUnchecked: true,
    });
    app.programs.unavailable.set("2026.9.3", "RegistryUnreachable: it can't be installed");
    await claw.configs.replace("models", aTemplate("models", spec("gpt-5-mini")));
    const plan = await claw.configs.publish("models", {}, { preview: true });
    // The schema of the one is at hand, of the other nothing is.
    expect(plan.items.flatMap(({ name, unchecked }) => (unchecked ? [name] : []))).toEqual(["other"]);
    await expect(claw.configs.publish("models")).rejects.toMatchObject({ code: "config.unchecked" });
    expect(await claw.configs.publish("models", {}, { allowUnchecked: true })).toMatchObject({ version: 2 });
  });
});

describe("a channel, a provider or a search that is a package of its own", () => {
  const discord = { key: "channels.discord.token", value: "s3cret" };
  const installs = (name: string) => app.stacks.made("acme", name)?.runtime.prepare?.map((step) => step.name);

  it("brings it in the version of the claw, and turns it on", async ({ expect }) => {
    const search = { key: "tools.web.search.provider", value: "perplexity" };
    const model = { key: "model.name", value: "deepseek/deepseek-chat" };
    await claw.instances.create(anOpenClaw("chatty", discord, search, model, { key: "plugins.allow", value: ["telegram"] }));
    await app.settle();
    expect(installs("chatty")).toEqual(
      ["discord", "deepseek-provider", "perplexity-plugin"].map((name) => `install @openclaw/${name}@2026.9.6`),
    );
    const { plugins } = JSON.parse(app.stacks.made("acme", "chatty")?.runtime.files[0]?.content ?? "");
    expect(plugins.entries).toMatchObject({ discord: { enabled: true }, deepseek: { enabled: true }, perplexity: { enabled: true } });
    expect(plugins.allow).toEqual(["telegram", "admin-http-rpc", "discord", "deepseek", "perplexity"]);
  });

  it("brings nothing where none is needed", async ({ expect }) => {
    const telegram = { key: "channels.telegram.botToken", value: "1:s3cret" };
    const own = { key: "model", value: { name: "deepseek/deepseek-chat", baseUrl: "https://models.example.com/v1" } };
    await claw.instances.create(anOpenClaw("plain", telegram, own, { key: "channels.slack", value: { enabled: false } }));
    await claw.instances.create(anInstance("old", { type: "OpenClaw", version: "2026.8.1", config: { overrides: [discord] } }));
    await app.settle();
    expect(["plain", "old"].map(installs)).toEqual([undefined, undefined]);
  });

  it("is refused where the claw can't have it: the plugin is turned off, or the claw is a pod that reaches no registry", async ({
    expect,
  }) => {
    const off = anOpenClaw("off", discord, { key: "plugins.discord", value: false });
    await expect(claw.instances.create(off)).rejects.toMatchObject({
      code: "config.invalid",
      issues: [
        {
          path: "channels.discord",
          message: "needs the plugin 'discord', which is turned off",
          fix: "turn either of them off, or both on",
        },
      ],
    });
    const admin = app.admin();
    const images = { agent: "agent:1", claws: { OpenClaw: "openclaw:1" } };
    await admin.clusters.create(aClusterManifest("away", { images }));
    await app.answers("away");
    await admin.tenants.create(aTenant("afar", { placement: { cluster: "away" } }));
    await expect(app.as({ tenant: "afar" }).instances.create(anOpenClaw("pod", discord))).rejects.toMatchObject({
      code: "config.invalid",
      issues: [expect.objectContaining({ path: "channels.discord", message: expect.stringContaining("@openclaw/discord@2026.9.6") })],
    });
    await admin.clusters.replace("away", aClusterManifest("away", { images, networkPolicy: { allowedEgress: ["10.1.0.0/16"] } }));
    await app.as({ tenant: "afar" }).instances.create(anOpenClaw("pod", discord));
    await app.settle();
    expect(app.stacks.made("afar.away", "pod")?.runtime.prepare).toHaveLength(1);
  });
});
