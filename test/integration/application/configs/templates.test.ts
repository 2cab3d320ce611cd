import { describe, it } from "vitest";
import { anApplication } from "../../../support/application.ts";
import { anEcho, anInstance, aTemplate, aTenant } from "../../../support/builders/manifests.ts";

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

describe("versions of a template", () => {
  const say = (value: string) => ({ variables: [{ name: "reply.prefix", type: "string", default: value }] });
  const three = async (name: string) => {
    for (const value of ["one", "two", "three"]) {
      await (value === "one" ? claw.configs.create(aTemplate(name, say(value))) : claw.configs.replace(name, aTemplate(name, say(value))));
      await claw.configs.publish(name);
    }
  };
  const prefixOf = async (name: string) => (await claw.instances.config(name, { key: "reply.prefix" })).items[0]?.value;

  it("can be gone back to, for all, by a new one that is equal", async ({ expect }) => {
    await three("back");
    await claw.instances.create(anEcho("back-1", { config: { template: "back" } }));
    const preview = await claw.configs.rollback("back", { to: 1 }, { preview: true });
    expect(preview.items.map(({ kind, name, op }) => [kind, name, op])).toEqual([
      ["ConfigTemplate", "back", "update"],
      ["ClawInstance", "back-1", "update"],
    ]);
    const version = await claw.configs.rollback("back", { to: 1, message: "two was worse" });
    const first = (await claw.configs.versions("back")).items.at(-1);
    expect(version).toMatchObject({ version: 4, restores: 1, digest: first?.digest, message: "two was worse" });
    expect(await prefixOf("back-1")).toBe("one");
    // What was published last is what is edited next.
    expect((await claw.configs.get("back")).status).toMatchObject({ publishedVersion: 4, dirty: false });
    expect(await claw.configs.rollback("back", { to: 4 })).toMatchObject({ version: 4 });
    await expect(claw.configs.rollback("back", { to: 9 })).rejects.toMatchObject({ code: "config.version_not_found" });
  });

  it("leave a draft alone that nobody has published yet", async ({ expect }) => {
    await three("drafted");
    await claw.configs.replace("drafted", aTemplate("drafted", say("four")));
    await claw.configs.rollback("drafted", { to: 2 });
    const { spec, status } = await claw.configs.get("drafted");
    expect([spec.variables[0]?.default, status.dirty]).toEqual(["four", true]);
  });

  it("can be held to, by one instance or those that a selector chooses, and let go of again", async ({ expect }) => {
    await three("held");
    const labelled = (name: string, ring: string) => {
      const echo = anEcho(name, { config: { template: "held" } });
      return { ...echo, metadata: { ...echo.metadata, labels: { ring } } };
    };
    await claw.instances.create(labelled("held-1", "canary"));
    await claw.instances.create(labelled("held-2", "rest"));
    expect(await claw.configs.rollback("held", { to: 1, labelSelector: "ring=canary" })).toMatchObject({ version: 1 });
    expect([await prefixOf("held-1"), await prefixOf("held-2")]).toEqual(["one", "three"]);
    await claw.configs.replace("held", aTemplate("held", say("four")));
    await claw.configs.publish("held");
    expect([await prefixOf("held-1"), await prefixOf("held-2")]).toEqual(["one", "four"]);
    expect((await claw.instances.pin("held-1", { version: null })).spec.config.version).toBeUndefined();
    expect(await prefixOf("held-1")).toBe("four");
    await expect(claw.instances.pin("held-1", { version: 7 })).rejects.toMatchObject({ issues: [{ path: "spec.config.version" }] });
    await expect(claw.configs.rollback("held", { to: 1, labelSelector: "ring=none" })).rejects.toMatchObject({
      issues: [{ path: "labelSelector" }],
    });
  });

  it("can be compared, as they are written and as files of an instance", async ({ expect }) => {
    await three("compared");
    await claw.instances.create(anEcho("compared-1", { config: { template: "compared" } }));
    const { diffs, files } = await claw.configs.diff("compared", { from: 1, to: 3, instance: "compared-1" });
    expect(diffs).toEqual([{ path: "variables[reply.prefix].default", kind: "update", before: '"one"', after: '"three"' }]);
    expect(files?.map(({ diff }) => diff).join("")).toContain("three");
    expect((await claw.configs.diff("compared", { from: 3 })).diffs).toEqual([]);
  });
});

describe("a template that extends another", () => {
  it("is published with what that says at the time, and is told to be behind when that goes on", async ({ expect }) => {
    await claw.configs.create(
      aTemplate("parent", {
        groups: [{ name: "tone" }],
        variables: [{ name: "reply.prefix", type: "string", default: "p ", group: "tone" }],
      }),
    );
    await expect(claw.configs.create(aTemplate("child", { extends: "child" }))).rejects.toMatchObject({
      issues: [{ path: "spec.extends" }],
    });
    await claw.configs.create(
      aTemplate("child", { extends: "parent", variables: [{ name: "reply.wordDelayMs", type: "number", default: 1 }] }),
    );
    await expect(claw.configs.publish("child")).rejects.toMatchObject({ code: "config.invalid", issues: [{ path: "spec.extends" }] });
    await claw.configs.publish("parent");
    const version = await claw.configs.publish("child");
    expect(version.extended).toEqual({ name: "parent", version: 1 });
    expect(version.spec.variables.map(({ name }) => name)).toEqual(["reply.prefix", "reply.wordDelayMs"]);
    await claw.instances.create(anEcho("of-child", { config: { template: "child" } }));
    expect((await claw.instances.config("of-child", { key: "reply.prefix" })).items[0]?.value).toBe("p ");
    expect((await claw.configs.get("child")).status.dirty).toBe(false);
    await claw.configs.replace("parent", aTemplate("parent", { variables: [{ name: "reply.prefix", type: "string", default: "q " }] }));
    await claw.configs.publish("parent");
    expect((await claw.configs.get("child")).status.dirty).toBe(true);
    expect(await claw.configs.publish("child")).toMatchObject({ version: 2, extended: { name: "parent", version: 2 } });
  });
});

describe("what a template's variables allow", () => {
  const variables = [{ name: "reply.prefix", type: "string", pattern: "^[a-z]+: $", message: "a word and a colon", group: "tone" }];

  it("is held to by publications, instances and values alike", async ({ expect }) => {
    await expect(claw.configs.create(aTemplate("strict", { variables }))).rejects.toMatchObject({
      issues: [{ path: "spec.variables[0].group" }],
    });
    const strict = aTemplate("strict", { groups: [{ name: "tone" }], variables });
    await expect(
      claw.configs.create(aTemplate("strict", { variables: [{ name: "reply.prefix", type: "string", pattern: "(?<=x)" }] })),
    ).rejects.toMatchObject({ issues: [{ path: "spec.variables[0].pattern" }] });
    await claw.configs.create(strict);
    await claw.configs.publish("strict");
    expect(await claw.configs.validate("strict", { values: { "reply.prefix": "NO" } })).toMatchObject({
      issues: [{ path: "reply.prefix", message: "a word and a colon", fix: "give a text that matches ^[a-z]+: $" }],
    });
    const config = (value: string) => ({ config: { template: "strict", overrides: [{ key: "reply.prefix", value }] } });
    await expect(claw.instances.create(anEcho("strict-1", config("NO")))).rejects.toMatchObject({ code: "config.invalid" });
    await claw.instances.create(anEcho("strict-1", config("yes: ")));
  });

  it("is a JSON Schema for forms", async ({ expect }) => {
    expect(await claw.configs.schema("strict")).toMatchObject({
      type: "object",
      properties: { "reply.prefix": { type: "string", pattern: "^[a-z]+: $", "x-group": "tone", "x-message": "a word and a colon" } },
      additionalProperties: false,
      "x-groups": [{ name: "tone" }],
    });
  });
});

describe("a change that would break instances which use it", () => {
  it("is refused, and says which, why, and what to do; it is made once they can take it", async ({ expect }) => {
    const prefix = { name: "reply.prefix", type: "string", default: "hi" };
    await claw.configs.create(aTemplate("tone", { variables: [prefix] }));
    await claw.configs.publish("tone");
    const saying = (name: string, value: string) =>
      anEcho(name, { config: { template: "tone", overrides: [{ key: "reply.prefix", value }] } });
    for (const [name, value] of [
      ["short", "yo"],
      ["long", "good afternoon"],
      ["longer", "a very good afternoon"],
    ] as const) {
      await claw.instances.create(saying(name, value));
    }
    await app.settle();
    await claw.configs.replace("tone", aTemplate("tone", { variables: [{ ...prefix, maxLength: 5 }] }));
    const refused = await claw.configs.publish("tone").catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: "config.invalid",
      message: expect.stringContaining("it would break 2 of 3 instances that use it"),
      issues: ["long", "longer"].map((name) => ({
        path: expect.stringMatching(`^instances\\[.*/${name}\\]\\.reply\\.prefix$`),
        message: "'reply.prefix' is more than its template allows",
        fix: expect.any(String),
      })),
    });
    const preview = await claw.configs.publish("tone", {}, { preview: true });
    const blocked = preview.items.filter(({ problems }) => problems.some(({ blocking }) => blocking)).map(({ name }) => name);
    expect(blocked).toEqual(["long", "longer"]);
    expect((await claw.configs.get("tone")).status).toMatchObject({ publishedVersion: 1, dirty: true });
    await claw.instances.pin("long", { version: 1 });
    await claw.instances.replace("longer", saying("longer", "hey"));
    expect(await claw.configs.publish("tone")).toMatchObject({ version: 2 });
  });
});
