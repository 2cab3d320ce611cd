import { describe, expect, it } from "vitest";
import { called, ownTypes } from "../../../../adapters/claws/own-types.ts";
import { ClawTypeInputSchema, stackNameOf } from "../../../../sdk/contract/index.ts";
import { ClawAdapterError, type KnownClawType, type ParsedConfig } from "../../../../service/application/ports/instances/claw-adapter.ts";
import { anApplication, anApplicationOn } from "../../../support/application.ts";
import { aClusterManifest } from "../../../support/builders/cluster.ts";
import { anInstance, aTemplate, aTenant } from "../../../support/builders/manifests.ts";
import { aClawType } from "../../../support/sample-requests.ts";

const masterKey = new Uint8Array(32).fill(7);
const app = await anApplication({ masterKey });
const admin = app.admin();
for (const tenant of ["acme", "other"]) {
  await admin.tenants.create(aTenant(tenant, { allowLocal: true }));
}
const claw = app.as({ tenant: "acme" });
const other = app.as({ tenant: "other" });
const platform = app.admin("default");

const variable = (name: string, rest: object = {}) => ({ name, type: "string", ...rest });
const aType = (name: string, spec: object = {}) => {
  const files = [{ path: "config.json", format: "json" }];
  return ClawTypeInputSchema.parse(aClawType(name, { files, variables: [variable("city", { default: "Oslo" })], ...spec } as never));
};
const fileOf = (instance: string) => app.stacks.made("acme", instance)?.runtime.files.find(({ path }) => path === "config.json")?.content;

describe("a claw type that is brought as a resource", () => {
  it("is run by instances as if it had come with the platform, by every replica at once", async ({ expect }) => {
    await claw.clawTypes.create(aType("weather"));
    await claw.instances.create(anInstance("oslo", { type: "weather" }));
    await app.settle();
    expect(fileOf("oslo")).toBe('{\n  "city": "Oslo"\n}\n');
    expect((await claw.instances.get("oslo")).status.phase).toBe("Running");
    // Another replica: nothing of it is in a process's memory.
    const replica = anApplicationOn(app.database, masterKey).as({ tenant: "acme" });
    await replica.instances.create(anInstance("rome", { type: "Weather", config: { overrides: [{ key: "city", value: "Rome" }] } }));
    await app.settle();
    expect(fileOf("rome")).toBe('{\n  "city": "Rome"\n}\n');
    expect(await claw.types.get("weather")).toMatchObject({ adapter: "weatherAdapter", origin: "tenant", defaults: { city: "Oslo" } });
    expect((await claw.types.list()).items.map(({ type }) => type)).toEqual(["OpenClaw", "Echo", "NanoClaw", "weather"]);
    await expect(
      claw.instances.create(anInstance("x", { type: "weather", config: { overrides: [{ key: "cty", value: "x" }] } })),
    ).rejects.toMatchObject({
      code: "config.invalid",
      issues: [{ fix: "did you mean 'city'?" }],
    });
  });

  it("reaches every instance of it when it is changed, and its preview names them", async ({ expect }) => {
    const changed = aType("weather", { variables: [variable("city", { default: "Paris" })] });
    const preview = await claw.previews.create({ manifests: [changed] });
    const named: string[] = [];
    for await (const { name } of preview.changes()) {
      named.push(name);
    }
    expect(named).toEqual(expect.arrayContaining(["weather", "oslo"]));
    await claw.clawTypes.replace("weather", changed);
    await app.settle();
    expect(fileOf("oslo")).toContain("Paris");
    expect(fileOf("rome")).toContain("Rome");
    // What would break one of them is not made.
    await expect(claw.clawTypes.replace("weather", aType("weather", { variables: [variable("town")] }))).rejects.toMatchObject({
      code: "config.invalid",
      message: expect.stringContaining("it would break 1 of 2 instances that use it"),
      issues: [{ path: "instances[acme/rome].city", message: expect.stringContaining("unknown key 'city'") }],
    });
    expect(await app.published("type.updated")).toHaveLength(1);
  });

  it("is rendered to as many files as it has, each in its format", async ({ expect }) => {
    const files = [
      { path: "whole.toml", format: "toml" },
      { path: "etc/part.ini", format: "ini", template: "[weather]\ncity = {{city}}\n" },
      { path: "motd", format: "text", template: "Hello {{city}}" },
    ];
    await claw.clawTypes.create(aType("several", { files }));
    await claw.instances.create(anInstance("bergen", { type: "several", config: { overrides: [{ key: "city", value: "a;b" }] } }));
    await app.settle();
    const made = app.stacks.made("acme", "bergen")?.runtime.files;
    expect(Object.fromEntries((made ?? []).map(({ path, content }) => [path, content]))).toEqual({
      "run.mjs": "// a program",
      "whole.toml": 'city = "a;b"\n',
      "etc/part.ini": "[weather]\ncity = a\\;b\n",
      motd: "Hello a;b",
    });
    await claw.instances.delete("bergen");
    await app.settle();
  });

  it("holds no secret where everybody sees it", async ({ expect }) => {
    const probe = { path: "/readyz", expect: { ok: true, apiKey: "k-1" }, periodSeconds: 1, failureThreshold: 1 };
    const { probes } = aType("open").spec;
    await expect(claw.clawTypes.create(aType("open", { probes: { ...probes, readiness: probe } }))).rejects.toMatchObject({
      issues: [{ path: "spec.probes.readiness.expect.apiKey" }],
    });
    const own = variable("own", { type: "object", default: { list: [{ password: "p-1" }] } });
    await expect(claw.clawTypes.create(aType("open", { variables: [own] }))).rejects.toMatchObject({
      issues: [{ path: expect.stringMatching(/^spec\.variables\[0\]\.default/) }],
    });
  });

  it("is kept while something uses it, and its keys can't become secret then", async ({ expect }) => {
    await claw.clawTypes.create(aType("news"));
    await claw.configs.create(aTemplate("headlines", { adapter: "newsAdapter", variables: [variable("city", { default: "Bonn" })] }));
    const inUse = { code: "type.in_use" };
    await expect(claw.clawTypes.delete("weather")).rejects.toMatchObject({
      ...inUse,
      message: expect.stringContaining("instance 'oslo', 'rome'"),
    });
    await expect(claw.clawTypes.delete("news")).rejects.toMatchObject({
      ...inUse,
      message: expect.stringContaining("config template 'headlines'"),
    });
    const secret = aType("weather", { variables: [variable("city", { secret: true })] });
    await expect(claw.clawTypes.replace("weather", secret)).rejects.toMatchObject({
      ...inUse,
      message: expect.stringContaining("add another key"),
    });
    await claw.configs.delete("headlines");
    await claw.clawTypes.delete("news");
    await expect(claw.clawTypes.get("news")).rejects.toMatchObject({ code: "type.not_found" });
  });

  it("is sealed where its keys are secret, and goes into the environment alone", async ({ expect }) => {
    await claw.clawTypes.create(aType("mail", { variables: [variable("password", { secret: true, env: "MAIL_PASSWORD" })] }));
    await claw.instances.create(
      anInstance("post", { type: "mail", config: { overrides: [{ key: "password", value: "hunter2-planted" }] } }),
    );
    await app.settle();
    const made = app.stacks.made("acme", "post");
    expect(made?.runtime.secretEnv).toEqual({ MAIL_PASSWORD: "hunter2-planted" });
    expect(JSON.stringify(made?.runtime.files)).not.toContain("hunter2");
    expect(await app.tablesWith("hunter2-planted")).toEqual([]);
  });

  it.for([
    { name: "of a type that comes with the platform", manifest: aType("echo"), code: "type.name_taken", path: "metadata.name" },
    { name: "that no type can have", manifest: aType("my-type"), code: "request.invalid", path: "metadata.name" },
  ])("has no name $name", async ({ manifest, code, path }, { expect }) => {
    await expect(claw.clawTypes.create(manifest)).rejects.toMatchObject({ code, issues: [{ path }] });
  });

  it.for([
    { name: "a placeholder that there is none of", spec: { command: ["${node}", "${prot}"] }, issue: { path: "spec.command[1]" } },
    {
      name: "a secret with a value",
      spec: { variables: [variable("key", { secret: true, default: "x" })] },
      issue: { path: "spec.variables[0].default" },
    },
    {
      name: "a template with a key that is no variable",
      spec: { files: [{ path: "c.json", format: "json", template: "{{city}}{{cty}}" }] },
      issue: { path: "spec.files[0].template", fix: "did you mean 'city'?" },
    },
    {
      name: "two files with everything",
      spec: { files: ["a", "b"].map((path) => ({ path, format: "json" })) },
      issue: { path: "spec.files[1].template" },
    },
    { name: "two files of one path", spec: { files: [{ path: "run.mjs", format: "json" }] }, issue: { path: "spec.files[0].path" } },
    {
      name: "a variable that no file has",
      spec: { files: [] },
      issue: { path: "spec.variables[0]", fix: expect.stringContaining("'env'") },
    },
    { name: "an image that is not named", spec: { software: { source: "image" } }, issue: { path: "spec.image" } },
  ])("is not stored with $name", async ({ spec, issue }) => {
    await expect(claw.clawTypes.create(aType("broken", spec))).rejects.toMatchObject({ code: "request.invalid", issues: [issue] });
  });
});

describe("whose a claw type is", () => {
  it("decides who sees it: the platform's everybody, a tenant's nobody else", async ({ expect }) => {
    await platform.clawTypes.create(aType("shared"));
    expect(await other.types.get("shared")).toMatchObject({ origin: "platform" });
    expect((await other.clawTypes.get("shared")).metadata.namespace).toBe("default");
    await other.instances.create(anInstance("mine", { type: "shared" }));
    await expect(other.types.get("weather")).rejects.toMatchObject({ code: "type.not_found" });
    await expect(other.clawTypes.get("weather")).rejects.toMatchObject({ code: "type.not_found" });
    await expect(other.instances.create(anInstance("x", { type: "weather" }))).rejects.toMatchObject({ code: "instance.unknown_type" });
    // What another tenant uses is not named.
    await expect(platform.clawTypes.delete("shared")).rejects.toMatchObject({
      code: "type.in_use",
      message: expect.stringContaining("used by an instance of another tenant"),
    });
  });

  it("is the tenant's own where both have one of that name, and nobody but its keepers changes it", async ({ expect }) => {
    await claw.clawTypes.create(aType("shared", { description: "ours" }));
    expect(await claw.types.get("shared")).toMatchObject({ origin: "tenant", description: "ours" });
    expect(await other.types.get("shared")).toMatchObject({ origin: "platform", description: "" });
    await claw.clawTypes.delete("shared");
    await expect(claw.clawTypes.delete("shared")).rejects.toMatchObject({ code: "type.not_found" });
    const ofDefault = app.as({ tenant: "default" });
    await expect(ofDefault.clawTypes.replace("shared", aType("shared", { description: "mine" }))).rejects.toMatchObject({
      code: "auth.forbidden",
      message: expect.stringContaining("the whole platform's"),
    });
  });

  it.for([
    {
      name: "have the host fetch an archive",
      spec: { software: { source: "archive", url: "http://127.0.0.1/x.tgz", sha256: "0".repeat(64) } },
      path: "spec.software.source",
    },
    { name: "have the host fetch a package", spec: { software: { source: "npm", package: "left-pad" } }, path: "spec.software.source" },
    {
      name: "show a claw what is the host's",
      spec: { variables: [variable("dir", { env: "DIR", platform: true })] },
      path: "spec.variables[0].platform",
    },
  ])("keeps a tenant's people from making one that would $name", async ({ spec, path }, { expect }) => {
    await expect(claw.clawTypes.create(aType("bold", spec))).rejects.toMatchObject({ code: "auth.forbidden", issues: [{ path }] });
    await app.admin("acme").clawTypes.create(aType("bold", spec));
    await app.admin("acme").clawTypes.delete("bold");
  });

  it("keeps a tenant's own off a host that confines nothing, whoever placed it there", async ({ expect }) => {
    const bare = anApplicationOn(app.database, masterKey, { unconfined: { why: "it is a test", fix: "run it as root" } });
    await expect(bare.admin("acme").instances.create(anInstance("risky", { type: "weather" }))).rejects.toMatchObject({
      code: "config.invalid",
      message: expect.stringContaining("the tenant's own, and 'local' can't confine claws"),
    });
    await bare.admin("other").instances.create(anInstance("trusted", { type: "shared" }));
  });
});

describe("a claw type that runs from an image", () => {
  it("runs on a cluster, from that image, and nowhere else", async ({ expect }) => {
    await claw.clawTypes.create(
      aType("boxed", { software: { source: "image" }, image: "registry.example/boxed:${version}", command: ["/bin/boxed", "${port}"] }),
    );
    await expect(claw.instances.create(anInstance("here", { type: "boxed" }))).rejects.toMatchObject({
      code: "config.invalid",
      issues: [{ path: "spec.placement.cluster", fix: "place it on a cluster" }],
    });
    await admin.clusters.create(aClusterManifest("east"));
    await app.answers("east");
    await claw.instances.create(anInstance("there", { type: "boxed", version: "2.0.0", placement: { cluster: "east" } }));
    await app.settle();
    expect(app.stacks.made(stackNameOf("acme", "east"), "there")?.runtime).toMatchObject({
      image: "registry.example/boxed:2.0.0",
      software: { source: "image", version: "2.0.0" },
    });
  });
});

describe("a claw type whose adapter is code", () => {
  it("is refused by what the adapter comes to, and an instance that is there says so and stays", async ({ expect }) => {
    const echo = called(ownTypes(), "Echo");
    let fault: string | undefined;
    const parseConfig: KnownClawType["parseConfig"] = async (...args) => {
      if (fault !== undefined) {
        throw new ClawAdapterError({ path: "spec.type", message: fault, fix: "mend its package" });
      }
      return echo?.parseConfig(...args) as ParsedConfig;
    };
    const coded = { ...echo, type: "Coded", name: "CodedAdapter", parseConfig } as KnownClawType;
    const replica = anApplicationOn(app.database, masterKey, { packaged: [coded] });
    const owner = replica.as({ tenant: "acme" });
    await owner.instances.create(anInstance("coded", { type: "Coded" }));
    await replica.settle();
    expect((await owner.instances.get("coded")).status.phase).toBe("Running");
    await owner.instances.restart("coded");
    fault = "the adapter of claw type 'Coded' did not answer within 2 s";
    await expect(owner.instances.create(anInstance("another", { type: "Coded" }))).rejects.toMatchObject({
      code: "config.invalid",
      issues: [{ path: "spec.type", message: fault }],
    });
    await expect(owner.configs.create(aTemplate("for-coded", { adapter: "CodedAdapter" }))).resolves.toMatchObject({
      kind: "ConfigTemplate",
    });
    await replica.settle();
    const { status } = await owner.instances.get("coded");
    expect(JSON.stringify(status.conditions)).toContain("did not answer within 2 s");
    fault = undefined;
    await owner.instances.delete("coded");
    await owner.configs.delete("for-coded");
    await replica.settle();
  });
});
