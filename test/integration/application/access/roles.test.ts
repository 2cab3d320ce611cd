import { describe, it } from "vitest";
import { createAccess } from "../../../../service/application/access/authenticate.ts";
import { adminEntries } from "../../../../service/domain/access/actor.ts";
import { digestToken } from "../../../../service/domain/access/tokens.ts";
import { anApplication } from "../../../support/application.ts";
import { anEcho, aTemplate, aTenant } from "../../../support/builders/manifests.ts";
import { collect } from "../../../support/collect.ts";
import { aRole, aRoleBinding, aServiceAccount } from "../../../support/sample-requests.ts";

const app = await anApplication();
const admin = app.admin();
await admin.tenants.create(aTenant("acme", { admins: ["boss@example.com", "group:owners"] }));
await admin.tenants.create(aTenant("other"));
const acme = app.admin("acme");
await acme.projects.create({ apiVersion: "clusterclaw.io/v1", kind: "Project", metadata: { name: "web" } });
await acme.configs.create(aTemplate("base"));
await acme.instances.create(anEcho("hidden"));
await acme.instances.create(anEcho("shown", {}, { project: "web" }));

const bind = (name: string, role: string, user: string, over: object = {}) =>
  acme.roleBindings.create({
    ...aRoleBinding(name, role),
    spec: { role, subjects: [{ kind: "User", name: user }], ...over },
  });
await bind("dev", "developer", "dev", { at: { project: "web" } });
await bind("viewer", "viewer", "viewer");
const user = (subject: string, groups: readonly string[] = []) => app.user({ tenant: "acme", subject, groups });

describe("what tenants somebody is told to be named in", () => {
  it.for([
    { name: "a user, by an entry", keys: ["User/boss@example.com"], tenants: ["acme"] },
    { name: "a group, by an entry", keys: ["User/somebody", "Group/owners"], tenants: ["acme"] },
    { name: "a user whose name looks like a group's", keys: ["User/group:owners"], tenants: [] },
    { name: "a group whose name looks like a user's", keys: ["Group/boss@example.com"], tenants: [] },
  ])("are those that name $name", async ({ keys, tenants }, { expect }) => {
    const named = await app.dependencies.transactions.platform((tx) => tx.access.tenantsOf(keys, adminEntries(keys)));
    expect(named).toEqual(tenants);
  });
});

describe("somebody of one project", () => {
  const dev = user("dev");

  it("sees that project and what is in it, and of the tenant what there is one copy of", async ({ expect }) => {
    expect((await dev.instances.list()).items.map(({ metadata }) => metadata.name)).toEqual(["shown"]);
    expect((await dev.projects.list()).items.map(({ metadata }) => metadata.name)).toEqual(["web"]);
    expect((await dev.configs.list()).items.map(({ metadata }) => metadata.name)).toEqual(["base"]);
    expect(await dev.tenants.get("acme")).toMatchObject({ metadata: { name: "acme" } });
    await expect(dev.tenants.get("other")).rejects.toMatchObject({ code: "tenant.not_found" });
  });

  it("makes instances there and nowhere else", async ({ expect }) => {
    await dev.instances.create(anEcho("new", {}, { project: "web" }));
    // A project that may not be seen is as if it were not there.
    await expect(dev.instances.create(anEcho("stray"))).rejects.toMatchObject({ code: "request.invalid" });
    await expect(dev.configs.create(aTemplate("mine"))).rejects.toMatchObject({ code: "auth.forbidden" });
  });

  it("learns of a hidden instance no more than that its name is taken", async ({ expect }) => {
    const manifest = anEcho("hidden", {}, { project: "web" });
    await expect(dev.previews.create({ manifests: [manifest] })).rejects.toMatchObject({ code: "instance.name_taken" });
    for (const change of [
      { action: "stop", name: "hidden" },
      { action: "delete", kind: "ClawInstance", name: "hidden" },
    ] as const) {
      const refused = await dev.previews.create({ changes: [change] }).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: "instance.not_found" });
      expect(JSON.stringify(refused)).not.toContain("project");
    }
    await expect(dev.instances.get("hidde")).rejects.toMatchObject({ code: "instance.not_found", message: "there is no instance 'hidde'" });
  });
});

describe("a plan", () => {
  const changes = { changes: [{ action: "stop" as const, name: "shown" }] };

  it("is applied by whoever may make its changes, and shown to those who may see all of it", async ({ expect }) => {
    const { id } = await app.as({ tenant: "acme" }).previews.create(changes);
    expect(await user("viewer").previews.get(id)).toMatchObject({ id });
    await expect(user("viewer").previews.apply(id)).rejects.toMatchObject({ code: "auth.forbidden" });
    await expect(user("dev").previews.get(id)).rejects.toMatchObject({ code: "preview.not_found" });
    expect(
      await admin
        .withOptions({})
        .previews.get(id)
        .catch(({ code }) => code),
    ).toBe("preview.not_found");
    expect(await acme.previews.apply(id)).toMatchObject({ id });
  });

  it("is of no use to who has lost the role since", async ({ expect }) => {
    await bind("short", "developer", "leaver");
    const leaver = user("leaver");
    const { id } = await leaver.previews.create({ changes: [{ action: "restart", name: "shown" }] });
    await acme.roleBindings.delete("short");
    await expect(leaver.previews.apply(id)).rejects.toMatchObject({ code: "tenant.not_found" });
  });
});

describe("a tenant's admins", () => {
  it("run it, by name and by group, and nothing of the platform", async ({ expect }) => {
    for (const boss of [user("boss@example.com"), user("x", ["owners"])]) {
      expect((await boss.instances.list()).items.length).toBeGreaterThan(1);
      await expect(boss.clusters.list()).rejects.toMatchObject({ code: "auth.forbidden" });
      await expect(boss.tenants.setQuota("acme", {})).rejects.toMatchObject({ code: "auth.forbidden" });
    }
    await expect(user("nobody").instances.list()).rejects.toMatchObject({ code: "tenant.not_found" });
  });
});

describe("nobody gives what they don't have", () => {
  it("by a binding, a role, a role that is bound already, or a token", async ({ expect }) => {
    // May give roles, and read: no more.
    await acme.roles.create(aRole("giver", ["access.read", "access.write", "instances.read"]));
    await bind("giver", "giver", "giver");
    const giver = user("giver");
    const forbidden = { code: "auth.forbidden" };
    await expect(giver.roleBindings.create(aRoleBinding("up", "tenant-admin"))).rejects.toMatchObject({
      ...forbidden,
      message: expect.stringContaining("instances.write"),
    });
    await expect(giver.roles.create(aRole("up", ["instances.write"]))).rejects.toMatchObject(forbidden);
    await expect(giver.roles.replace("giver", aRole("giver", ["access.write", "configs.write"]))).rejects.toMatchObject(forbidden);
    await giver.roles.create(aRole("peer", ["instances.read"]));
    await giver.roleBindings.create(aRoleBinding("peer", "peer"));

    await acme.serviceAccounts.create(aServiceAccount("strong"));
    const subjects = [{ kind: "ServiceAccount" as const, name: "strong" }];
    await acme.roleBindings.create({ ...aRoleBinding("strong"), spec: { role: "developer", subjects } });
    await expect(giver.tokens.create({ name: "a", serviceAccount: "strong" })).rejects.toMatchObject(forbidden);
    const scopes: ["instances.read"] = ["instances.read"];
    expect(await giver.tokens.create({ name: "a", serviceAccount: "strong", scopes })).toMatchObject({ scopes });
  });

  it("on the platform, but from the shared tenant, by who may do it there", async ({ expect }) => {
    const wide = { ...aRoleBinding("wide"), spec: { ...aRoleBinding("wide").spec, at: "platform" as const } };
    await expect(acme.roleBindings.create(wide)).rejects.toMatchObject({ code: "request.invalid" });
    await expect(app.as({ tenant: "default" }).roleBindings.create(wide)).rejects.toMatchObject({ code: "auth.forbidden" });
    await app.admin("default").roleBindings.create(wide);
    // A viewer everywhere, and in one tenant more than that: which is of that tenant alone.
    await bind("alice", "developer", "alice@example.com");
    const alice = user("alice@example.com");
    expect(await alice.instances.get("hidden")).toBeDefined();
    const foreign = { ...anEcho("x"), metadata: { name: "x", namespace: "other" } };
    await expect(alice.previews.create({ manifests: [foreign] })).rejects.toMatchObject({ code: "auth.forbidden" });
    await alice.previews.create({ manifests: [anEcho("x")] });
  });

  it("and a tenant's role holds nothing of the platform's", async ({ expect }) => {
    await expect(acme.roles.create(aRole("clusters", ["clusters.write"]))).rejects.toMatchObject({ code: "request.invalid" });
    await expect(acme.roles.create(aRole("viewer"))).rejects.toMatchObject({ code: "request.invalid" });
    await expect(acme.roleBindings.create(aRoleBinding("none", "no-such"))).rejects.toMatchObject({ code: "role.not_found" });
    await acme.roles.create(aRole("bound"));
    await acme.roleBindings.create(aRoleBinding("bound", "bound"));
    await expect(acme.roles.delete("bound")).rejects.toMatchObject({ code: "role.in_use" });
  });
});

describe("a token", () => {
  const access = createAccess(app.dependencies);
  const holder = async (token: string) => (await access.authenticate(token, undefined))?.actor.subject;

  it("stands for its service account until it is revoked, and is kept as a digest alone", async ({ expect }) => {
    await acme.serviceAccounts.create(aServiceAccount("ci"));
    const { token, id, prefix } = await acme.tokens.create({ name: "deploy", serviceAccount: "ci" });
    expect(await holder(token)).toBe("serviceaccount:acme/ci");
    expect(await holder(`${token.slice(0, -1)}${token.endsWith("x") ? "y" : "x"}`)).toBeUndefined();
    expect(await acme.tokens.get(id)).toMatchObject({ prefix, name: "deploy", lastUsedAt: expect.any(String) });
    expect(await app.tablesWith(token)).toEqual([]);
    expect(await app.tablesWith(digestToken(token))).toEqual(["api_tokens"]);
    await expect(acme.tokens.create({ name: "deploy", serviceAccount: "ci" })).rejects.toMatchObject({ code: "token.name_taken" });
    await acme.tokens.revoke(id);
    expect(await holder(token)).toBeUndefined();
    await acme.tokens.create({ name: "deploy", serviceAccount: "ci" });
    expect((await acme.tokens.list({ serviceAccount: "ci", limit: 1 })).items).toMatchObject([{ name: "deploy" }]);
    expect(await collect(acme.tokens.list({ serviceAccount: "ci", limit: 1 }))).toHaveLength(2);
    expect((await acme.serviceAccounts.get("ci")).status.tokens).toBe(1);
  });

  it("goes with its service account, and is of no other tenant's", async ({ expect }) => {
    await acme.serviceAccounts.create(aServiceAccount("gone"));
    const { token, id } = await acme.tokens.create({ name: "a", serviceAccount: "gone" });
    await expect(app.admin("other").tokens.get(id)).rejects.toMatchObject({ code: "token.not_found" });
    await acme.serviceAccounts.delete("gone");
    expect(await holder(token)).toBeUndefined();
  });

  it("is made as often as a service account may have some, whoever else asks at once", async ({ expect }) => {
    await acme.serviceAccounts.create(aServiceAccount("many"));
    const made = await Promise.allSettled(
      Array.from({ length: 80 }, (_, index) => acme.tokens.create({ name: `t-${index}`, serviceAccount: "many" })),
    );
    expect(made.filter(({ status }) => status === "fulfilled")).toHaveLength(64);
  });
});

describe("what one may do", () => {
  it("is told with the reason", async ({ expect }) => {
    const dev = user("dev");
    expect(await dev.access.canI({ permission: "instances.write", project: "web" })).toEqual({
      allowed: true,
      reason: "'dev' may create, change and destroy instances in this project",
    });
    expect(await dev.access.canI({ permission: "configs.write" })).toEqual({
      allowed: false,
      reason:
        "'dev' may not change and publish config templates here: that takes the permission 'configs.write'; ask an administrator of the tenant for a role that gives it: platform-admin, tenant-admin",
    });
    await expect(dev.access.canI({ permission: "instances.read", project: "default" })).rejects.toMatchObject({
      code: "project.not_found",
    });
    expect(await dev.access.me()).toMatchObject({
      subject: "dev",
      tenant: "acme",
      tenants: ["acme"],
      permissions: { platform: [], tenant: [], projects: { web: expect.arrayContaining(["instances.write", "configs.read"]) } },
    });
    expect((await user("boss@example.com").access.me()).tenants).toEqual(["acme"]);
  });
});
