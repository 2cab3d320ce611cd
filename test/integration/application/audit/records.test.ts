import { describe, it } from "vitest";
import { type ManifestKind, PLATFORM_CHAIN, resourceKinds } from "../../../../sdk/contract/index.ts";
import { anApplication } from "../../../support/application.ts";
import { aClusterManifest } from "../../../support/builders/cluster.ts";
import { anEcho, anInstance, aTemplate, aTenant } from "../../../support/builders/manifests.ts";
import { collect } from "../../../support/collect.ts";
import { aClawType, aRole, aRoleBinding, aRollout, aSecret, aServiceAccount, aSetOfValues } from "../../../support/sample-requests.ts";

const app = await anApplication();
const admin = app.admin();
await admin.tenants.create(aTenant("acme"));
await admin.tenants.create(aTenant("other"));
const acme = app.admin("acme");
const actions = async (query: Parameters<typeof acme.audit.list>[0] = {}) =>
  (await collect(acme.audit.list(query))).map(({ action, resource }) => `${action} ${resource?.kind}/${resource?.name}`);

describe("the audit log", () => {
  it("has every write of every kind, with who, from where and what changed", async ({ expect }) => {
    const API_VERSION = "clusterclaw.io/v1";
    await acme.projects.create({ apiVersion: API_VERSION, kind: "Project", metadata: { name: "web" } });
    await acme.serviceAccounts.create(aServiceAccount("ci"));
    await acme.roles.create(aRole("reader"));
    await acme.roleBindings.create(aRoleBinding("readers", "reader"));
    await acme.policies.create({
      apiVersion: API_VERSION,
      kind: "Policy",
      metadata: { name: "few" },
      spec: { rule: { name: "max-replicas", value: "3" } },
    });
    await acme.clawTypes.create(aClawType("weather"));
    await acme.secrets.create(aSecret("key"));
    await acme.configs.create(aTemplate("base"));
    await acme.configs.publish("base", { message: "first" });
    await acme.values.create(aSetOfValues("shared", [{ key: "environment.TZ", value: "UTC" }]));
    await acme.instances.create(anEcho("bot"));
    await acme.instances.create(anInstance("gate", { type: "OpenClaw" }, { labels: { rolls: "gate" } }));
    await acme.rollouts.create(aRollout("gate", { change: { software: { type: "OpenClaw", version: "2026.9.4" } } }));
    await acme.rollouts.abort("gate");
    await acme.instances.stop("bot");
    await acme.instances.restart("bot");
    await acme.instances.delete("bot", { purgeData: true });
    const { id } = await acme.tokens.create({ name: "deploy", serviceAccount: "ci" });
    await acme.tokens.revoke(id);
    await admin.clusters.create(aClusterManifest("east"));
    await admin.tenants.setQuota("acme", { instances: 9 });
    const all = await collect(acme.audit.list());
    expect(all.toReversed().map(({ action, resource }) => `${action} ${resource?.kind}/${resource?.name}`)).toEqual([
      "tenant.create Tenant/acme",
      "project.create Project/web",
      "service_account.create ServiceAccount/ci",
      "role.create Role/reader",
      "role_binding.create RoleBinding/readers",
      "policy.create Policy/few",
      "type.create ClawType/weather",
      "secret.create Secret/key",
      "config.create ConfigTemplate/base",
      "config.publish ConfigTemplate/base",
      "values.create ConfigValues/shared",
      "instance.create ClawInstance/bot",
      "instance.create ClawInstance/gate",
      "rollout.create Rollout/gate",
      "rollout.abort Rollout/gate",
      "instance.stop ClawInstance/bot",
      "instance.restart ClawInstance/bot",
      "instance.delete ClawInstance/bot",
      "token.create Token/deploy",
      "token.revoke Token/deploy",
      "tenant.update Tenant/acme",
    ]);
    expect(all.find(({ action }) => action === "instance.stop")).toMatchObject({
      actor: "admin",
      result: "success",
      resource: { kind: "ClawInstance", name: "bot", tenant: "acme", uid: expect.stringMatching(/^ins_/) },
      diff: [{ path: "spec.running", kind: "update", before: "true", after: "false" }],
    });
    expect(all.find(({ action }) => action === "instance.delete")?.details).toEqual({ purgeData: "true" });
    const platform = await collect(admin.audit.platform());
    const written = new Set([...all, ...platform].map(({ resource }) => resource?.kind));
    expect(resourceKinds.map(({ kind }): ManifestKind => kind).filter((kind) => !written.has(kind))).toEqual([]);
    expect(platform.map(({ action, resource }) => `${action} ${resource?.name}`)).toContain("cluster.create east");
    expect(platform.map(({ action, resource }) => `${action} ${resource?.name}`)).toContain("tenant.update acme");
  });

  it("has nothing of what was previewed, refused or changed nothing", async ({ expect }) => {
    await acme.projects.create({ apiVersion: "clusterclaw.io/v1", kind: "Project", metadata: { name: "still" } });
    const before = await actions();
    await acme.instances.create(anEcho("never"), { preview: true });
    await expect(acme.instances.create(anEcho("never", { type: "Nothing" }))).rejects.toThrow();
    const plan = await acme.previews.create({
      manifests: [{ apiVersion: "clusterclaw.io/v1", kind: "Project", metadata: { name: "still" } }],
    });
    await acme.previews.apply(plan.id);
    expect(await actions()).toEqual(before);
  });

  it("names the plan that changes were made by", async ({ expect }) => {
    const plan = await acme.previews.create({ manifests: [anEcho("planned")] });
    await acme.previews.apply(plan.id);
    const [record] = await collect(acme.audit.list({ resource: "planned" }));
    expect(record).toMatchObject({ action: "instance.create", details: { plan: plan.id } });
  });

  it("is found by actor, action, area, resource, time and order", async ({ expect }) => {
    await app.as({ tenant: "acme", subject: "alice" }).projects.create({
      apiVersion: "clusterclaw.io/v1",
      kind: "Project",
      metadata: { name: "alices" },
    });
    expect(await actions({ actor: "alice" })).toEqual(["project.create Project/alices"]);
    expect(await actions({ action: "token.revoke" })).toEqual(["token.revoke Token/deploy"]);
    expect(await actions({ action: "token" })).toEqual(["token.revoke Token/deploy", "token.create Token/deploy"]);
    expect(await actions({ resource: "ClawInstance/planned" })).toEqual(["instance.create ClawInstance/planned"]);
    expect(await actions({ resource: "Project/planned" })).toEqual([]);
    expect(await actions({ until: "2001-01-01T00:00:00Z" })).toEqual([]);
    const [first, ...others] = await collect(acme.audit.list({ after: 3, limit: 2 }));
    expect(first?.sequence).toBe(4);
    expect(others.map(({ sequence }) => sequence)).toEqual(others.map((_, index) => 5 + index));
    const [newest] = (await acme.audit.list({ limit: 1 })).items;
    expect(others.at(-1)?.sequence).toBe(newest?.sequence);
  });

  it("of one tenant is nothing of another's", async ({ expect }) => {
    const other = app.as({ tenant: "other", subject: "mallory" });
    expect((await collect(other.audit.list())).map(({ action }) => action)).toEqual(["tenant.create"]);
    await expect(other.audit.platform()).rejects.toMatchObject({ code: "auth.forbidden" });
    const { id } = await app.database.transactions.platform((tx) => tx.tenants.get("acme"));
    await expect(other.audit.verifyPlatform({ chain: id })).rejects.toMatchObject({ code: "auth.forbidden" });
  });

  it("outlives its tenant", async ({ expect }) => {
    await admin.tenants.create(aTenant("gone"));
    const { id } = await app.database.transactions.platform((tx) => tx.tenants.get("gone"));
    await app
      .admin("gone")
      .projects.delete("default")
      .catch(() => undefined);
    await admin.tenants.delete("gone");
    const left = await collect(admin.audit.platform({ chain: id }));
    expect(left.map(({ action }) => action)).toEqual(["tenant.delete", "tenant.create"]);
    expect(await admin.audit.verifyPlatform({ chain: id })).toMatchObject({ valid: true, checked: 2 });
    expect((await collect(admin.audit.chains())).map(({ chain }) => chain)).toEqual(expect.arrayContaining([PLATFORM_CHAIN, id]));
  });
});
