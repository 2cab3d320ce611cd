import { describe, it } from "vitest";
import { anApplication } from "../../../support/application.ts";
import { anEcho, aTemplate, aTenant } from "../../../support/builders/manifests.ts";
import { uniqueName } from "../../../support/builders/tenancy.ts";
import { aRoleBinding, aSetOfValues } from "../../../support/sample-requests.ts";

const app = await anApplication();
const admin = app.admin();
const platform = app.admin("default");

/** A tenant of its own with a project, a template and an instance that uses it. */
async function aPlace() {
  const tenant = uniqueName("tenant");
  await admin.tenants.create(aTenant(tenant));
  const acme = app.admin(tenant);
  await acme.projects.create({ apiVersion: "clusterclaw.io/v1", kind: "Project", metadata: { name: "web" } });
  const variables = [
    { name: "reply.prefix", type: "string", default: "echo: " },
    { name: "environment.API_KEY", type: "string", secret: true },
  ];
  await acme.configs.create(aTemplate("base", { variables }));
  await acme.configs.publish("base", { message: "first" });
  const web = anEcho("web", { config: { template: "base" } });
  await acme.instances.create({ ...web, metadata: { ...web.metadata, project: "web" } });
  return { tenant, acme, dev: app.user({ tenant, subject: "dev" }) };
}

const prefix = (value: string, more: object = {}) => [{ key: "reply.prefix", value, ...more }];

describe("values of the levels", () => {
  it("reach an instance by the strongest level that gives them, and it can be asked where each comes from", async ({ expect }) => {
    const { tenant, acme } = await aPlace();
    await acme.values.create(aSetOfValues("of-tenant", prefix("tenant ")));
    await acme.values.create(aSetOfValues("of-project", prefix("project "), { project: "web" }));
    expect((await acme.instances.config("web", { key: "reply.prefix" })).items).toMatchObject([
      { key: "reply.prefix", value: "project ", origin: "project", values: "of-project", setBy: expect.any(String), secret: false },
    ]);
    await acme.values.create(aSetOfValues("of-web", prefix("instance "), { instance: "web" }));
    const { items, template } = await acme.instances.config("web", { key: "reply.prefix", explain: true });
    expect(template).toEqual({ name: "base", version: 1 });
    expect(items[0]).toMatchObject({
      origin: "instance",
      values: "of-web",
      setAt: expect.any(String),
      hides: [
        { origin: "project", value: "project ", values: "of-project" },
        { origin: "tenant", value: "tenant ", values: "of-tenant" },
        { origin: "template", value: "echo: ", setBy: expect.any(String) },
        { origin: "type" },
      ],
    });
    expect(await app.published("values.created")).toContainEqual(
      expect.objectContaining({ data: expect.objectContaining({ tenant, name: "of-web" }) }),
    );
  });

  it("of all tenants are kept by the platform, seen by everybody, and go where their key means something", async ({ expect }) => {
    const { acme } = await aPlace();
    const other = anEcho("plain");
    await acme.instances.create(other);
    const name = uniqueName("global");
    await platform.values.create(aSetOfValues(name, [{ key: "unknown.key", value: 1 }, ...prefix("global ")], "global"));
    expect((await acme.instances.config("web", { key: "reply.prefix" })).items).toMatchObject([{ origin: "global", value: "global " }]);
    expect((await acme.instances.config("web", { key: "unknown" })).items).toEqual([]);
    expect((await acme.values.get(name)).metadata.namespace).toBe("default");
    await expect(acme.values.delete(name)).rejects.toMatchObject({ code: "auth.forbidden" });
    await expect(acme.values.create(aSetOfValues("mine", prefix("x"), "global"))).rejects.toMatchObject({ issues: [{ path: "spec.at" }] });
    await platform.values.delete(name);
    expect((await acme.instances.config("web", { key: "reply.prefix" })).items).toMatchObject([{ origin: "template" }]);
  });

  it("show in a preview which instances they change, and ask those alone to be reconciled", async ({ expect }) => {
    const { acme } = await aPlace();
    await acme.instances.create(anEcho("plain"));
    await app.settle();
    const generation = async (name: string) => (await acme.instances.get(name)).metadata.generation;
    const before = [await generation("web"), await generation("plain")];
    const manifest = aSetOfValues("shared", [{ key: "environment.API_KEY", value: "k-1", secret: true }], { project: "web" });
    const preview = await acme.values.create(manifest, { preview: true });
    expect(preview.items.map(({ kind, name, op }) => [kind, name, op])).toEqual([
      ["ConfigValues", "shared", "create"],
      ["ClawInstance", "web", "update"],
    ]);
    expect(JSON.stringify(preview)).not.toContain("k-1");
    await acme.values.create(manifest);
    expect([await generation("web"), await generation("plain")]).toEqual([(before[0] ?? 0) + 1, before[1]]);
  });

  it("that are secret are sealed and never shown again, and a mask keeps what is stored", async ({ expect }) => {
    const { acme } = await aPlace();
    const secret = `s3cret-${uniqueName("x")}`;
    await acme.values.create(aSetOfValues("keys", [{ key: "environment.API_KEY", value: secret }]));
    const shown = await acme.values.get("keys");
    expect(shown.spec.values).toEqual([{ key: "environment.API_KEY", value: "[secret]", secret: false, locked: false }]);
    await acme.values.replace("keys", { ...shown, spec: { ...shown.spec, description: "keys" } });
    expect((await acme.instances.config("web", { key: "environment", explain: true })).items).toMatchObject([
      { key: "environment.API_KEY", value: "[secret]", secret: true, origin: "tenant" },
    ]);
    expect(await app.tablesWith(secret)).toEqual([]);
    const other = aSetOfValues("others", [{ key: "environment.OTHER_TOKEN", value: "[secret]" }]);
    await expect(acme.values.create(other)).rejects.toMatchObject({ issues: [{ path: expect.stringContaining("spec.values[0].value") }] });
  });

  it("that are locked can't be changed by a stronger level, and what stood there comes to nothing", async ({ expect }) => {
    const { acme } = await aPlace();
    const own = { config: { template: "base", overrides: [{ key: "reply.prefix", value: "mine " }] } };
    const plain = anEcho("own", own);
    await acme.instances.create(plain);
    await acme.values.create(aSetOfValues("rules", prefix("locked ", { locked: true })));
    expect((await acme.instances.config("own", { key: "reply.prefix", explain: true })).items).toMatchObject([
      { origin: "tenant", value: "locked ", locked: true, hides: [{ origin: "instance", value: "mine " }, {}, {}] },
    ]);
    // Told once more, it is no change.
    await acme.instances.replace("own", plain);
    const refusal = {
      code: "config.invalid",
      message: expect.stringContaining("locked at the level 'tenant' by the config values 'rules'"),
    };
    const another = anEcho("another", own);
    await expect(acme.instances.create(another)).rejects.toMatchObject(refusal);
    await expect(acme.values.create(aSetOfValues("looser", prefix("x"), { project: "web" }))).rejects.toMatchObject(refusal);
  });

  it("have one value for a key at each level, wherever it is written", async ({ expect }) => {
    const { acme } = await aPlace();
    await acme.values.create(aSetOfValues("one", prefix("1")));
    await expect(acme.values.create(aSetOfValues("two", prefix("2")))).rejects.toMatchObject({
      issues: [{ path: "spec.values[0].key", message: "'reply.prefix' is set by 'one' at the same level" }],
    });
    const twice = aSetOfValues("two", [...prefix("1"), ...prefix("2")], { project: "web" });
    await expect(acme.values.create(twice)).rejects.toMatchObject({ issues: [{ path: "spec.values[1].key" }] });
  });

  it("keep the author of each value that is not changed", async ({ expect }) => {
    const { tenant, acme } = await aPlace();
    await acme.values.create(aSetOfValues("shared", [...prefix("1"), { key: "environment.TZ", value: "UTC" }]));
    await acme.roleBindings.create({ ...aRoleBinding("boss"), spec: { role: "tenant-admin", subjects: [{ kind: "User", name: "boss" }] } });
    const boss = app.user({ tenant, subject: "boss" });
    await boss.values.replace("shared", aSetOfValues("shared", [...prefix("2"), { key: "environment.TZ", value: "UTC" }]));
    const { status } = await acme.values.get("shared");
    expect(status.values.map(({ key, setBy }) => [key, setBy === "boss"])).toEqual([
      ["reply.prefix", true],
      ["environment.TZ", false],
    ]);
  });

  it("of a project are its developers' to set, those of the tenant are not", async ({ expect }) => {
    const { acme, dev } = await aPlace();
    const subjects = [{ kind: "User" as const, name: "dev" }];
    await acme.roleBindings.create({ ...aRoleBinding("dev"), spec: { role: "developer", subjects, at: { project: "web" } } });
    await acme.values.create(aSetOfValues("of-tenant", prefix("tenant ")));
    await acme.projects.create({ apiVersion: "clusterclaw.io/v1", kind: "Project", metadata: { name: "hidden" } });
    await acme.values.create(aSetOfValues("of-hidden", prefix("hidden "), { project: "hidden" }));
    await dev.values.create(aSetOfValues("ours", prefix("ours "), { project: "web" }));
    expect((await dev.values.list()).items.map(({ metadata }) => metadata.name).toSorted()).toEqual(["of-tenant", "ours"]);
    await expect(dev.values.get("of-hidden")).rejects.toMatchObject({ code: "values.not_found" });
    await expect(dev.values.create(aSetOfValues("more", prefix("x"), { project: "hidden" }))).rejects.toMatchObject({
      code: "project.not_found",
    });
    await expect(dev.values.replace("of-tenant", aSetOfValues("of-tenant", prefix("x")))).rejects.toMatchObject({ code: "auth.forbidden" });
    await expect(dev.values.create(aSetOfValues("all", [{ key: "environment.TZ", value: "UTC" }]))).rejects.toMatchObject({
      code: "auth.forbidden",
    });
    await dev.values.create(aSetOfValues("of-web", [{ key: "environment.TZ", value: "UTC" }], { instance: "web" }));
  });

  it("are kept as they were when a version of a template was published, and compared and explained with it", async ({ expect }) => {
    const { acme } = await aPlace();
    const key = (value: string) => ({ key: "environment.API_KEY", value });
    // Of the times: version 1 had none, 2 has these, and 3 has others and none of one set.
    await acme.values.create(aSetOfValues("own", [...prefix("second "), key("k-2-planted")]));
    await acme.values.create(aSetOfValues("gone", [{ key: "reply.wordDelayMs", value: 5 }], { instance: "web" }));
    const publish = (description: string) =>
      acme.configs
        .replace("base", aTemplate("base", { description, variables: [{ name: "reply.prefix", type: "string", default: "echo: " }] }))
        .then(() => acme.configs.publish("base"));
    await publish("second");
    await acme.values.replace("own", aSetOfValues("own", [...prefix("third "), key("k-3-planted")]));
    await acme.values.delete("gone");
    await publish("third");
    await acme.values.replace("own", aSetOfValues("own", prefix("now ")));

    const { diffs, values, files } = await acme.configs.diff("base", { from: 2, to: 3, instance: "web" });
    expect(diffs).toEqual([{ path: "description", kind: "update", before: '"second"', after: '"third"' }]);
    expect(values).toEqual([
      { path: "environment.API_KEY", kind: "update", before: "[secret]", after: "[secret]" },
      { path: "reply.prefix", kind: "update", before: '"second "', after: '"third "' },
      expect.objectContaining({ path: "reply.wordDelayMs", before: "5" }),
    ]);
    const text = JSON.stringify(files);
    expect([text.includes("second "), text.includes("third "), text.includes("planted")]).toEqual([true, true, false]);
    const at = async (version: number) => {
      const { template, items } = await acme.instances.config("web", { version, key: "reply.prefix", explain: true });
      return [template?.version, items[0]?.value, items[0]?.values];
    };
    expect([await at(1), await at(2), await at(3)]).toEqual([
      [1, "echo: ", undefined],
      [2, "second ", "own"],
      [3, "third ", "own"],
    ]);
    await expect(acme.instances.config("web", { version: 9 })).rejects.toMatchObject({ code: "config.version_not_found" });

    // A rollback is of the template: values stay, and the new version is seen with those.
    await acme.configs.rollback("base", { to: 2 });
    expect(await at(4)).toEqual([4, "now ", "own"]);
  });

  it("go with what they are of", async ({ expect }) => {
    const { acme } = await aPlace();
    await acme.values.create(aSetOfValues("of-web", prefix("x"), { instance: "web" }));
    await app.settle();
    await acme.instances.delete("web");
    await app.settle();
    await expect(acme.values.get("of-web")).rejects.toMatchObject({ code: "values.not_found" });
  });
});
