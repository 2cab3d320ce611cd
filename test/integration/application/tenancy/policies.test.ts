import { describe, it } from "vitest";
import { type PolicyInput, PolicyInputSchema } from "../../../../sdk/contract/index.ts";
import { anApplication } from "../../../support/application.ts";
import { anEcho, anInstance, aTemplate, aTenant } from "../../../support/builders/manifests.ts";
import { uniqueName } from "../../../support/builders/tenancy.ts";
import { collect } from "../../../support/collect.ts";
import { aPolicy, aRoleBinding } from "../../../support/sample-requests.ts";

const app = await anApplication();
const admin = app.admin();
const platform = app.admin("default");
const many = { replicas: 3 };

/** A tenant of its own, with who runs it and who makes instances there. */
async function aPlace() {
  const tenant = uniqueName("tenant");
  await admin.tenants.create(aTenant(tenant, { admins: ["boss"] }));
  const acme = app.admin(tenant);
  await acme.projects.create({ apiVersion: "clusterclaw.io/v1", kind: "Project", metadata: { name: "web" } });
  await acme.roleBindings.create({ ...aRoleBinding("dev"), spec: { role: "developer", subjects: [{ kind: "User", name: "dev" }] } });
  const user = (subject: string) => app.user({ tenant, subject });
  return { tenant, acme, boss: user("boss"), dev: user("dev") };
}

/** A policy of the platform for these tenants alone: others' tests run beside this one. */
const ofPlatform = (name: string, tenants: string[], spec: Partial<PolicyInput["spec"]> = {}) => ({
  ...aPolicy(name, { at: "platform", match: { tenants }, ...spec }),
  metadata: { name, namespace: "default" },
});

describe("hours of maintenance", () => {
  it("are a policy that its tenant's people keep, judge no instance, and hold for whole rollouts only", async ({ expect }) => {
    const { boss, dev } = await aPlace();
    const maintenance = { windows: [{ days: ["sun" as const], from: "02:00", to: "04:00", timeZone: "Europe/Berlin" }], freezes: [] };
    const hours = (spec: object) => ({ ...aPolicy("hours"), spec: { maintenance, ...spec } });
    await expect(dev.policies.create(hours({}))).rejects.toMatchObject({ code: "auth.forbidden" });
    for (const spec of [
      { mode: "warn" },
      { at: { project: "web" } },
      { match: { labels: { a: "b" } } },
      { expression: "true" },
      { maintenance: {} },
    ]) {
      await expect(boss.policies.create(hours(spec))).rejects.toMatchObject({ code: "request.invalid" });
    }
    await boss.policies.create(hours({}));
    await dev.instances.create(anEcho("fit"));
    expect(await boss.policies.test({})).toMatchObject({ tested: 1, violations: [] });
  });
});

describe("a policy that is enforced", () => {
  it("refuses at preview and at write alike, and says policy, value, limit and who may change it", async ({ expect }) => {
    const { tenant, boss, dev } = await aPlace();
    await boss.policies.create(aPolicy("small"));
    const said =
      "instance 'big': spec.replicas is 3, at most 2 are allowed (policy 'small' of tenant 'T'); change spec.replicas, or ask an administrator of tenant 'T' to change the policy".replaceAll(
        "'T'",
        `'${tenant}'`,
      );
    const preview = await dev.previews.create({ manifests: [anEcho("big", many)] });
    expect([preview.planId, preview.verdicts[0]]).toMatchObject([
      undefined,
      { name: "small", allowed: false, violated: "enforce", message: said },
    ]);
    await expect(dev.instances.create(anEcho("big", many))).rejects.toMatchObject({
      code: "policy.denied",
      message: said,
      issues: [{ path: "policies.small", fix: expect.stringContaining(`an administrator of tenant '${tenant}'`) }],
    });
    await dev.instances.create(anEcho("fit"));
    await expect(dev.policies.delete("small")).rejects.toMatchObject({ code: "auth.forbidden" });
  });

  it("stops nothing that is there: what violates it may be stopped, destroyed, or left as it is", async ({ expect }) => {
    const { acme, boss, dev } = await aPlace();
    await acme.configs.create(aTemplate("base"));
    await acme.configs.publish("base");
    await dev.instances.create(anEcho("old", { ...many, config: { template: "base" } }));
    await boss.policies.create(aPolicy("small"));
    expect((await dev.instances.get("old")).spec).toMatchObject({ running: true, replicas: 3 });
    // A template that it uses, an apply that changes nothing, and a stop ask nothing of it.
    await acme.configs.replace("base", aTemplate("base", { description: "another" }));
    await acme.configs.publish("base");
    await dev.instances.replace("old", anEcho("old", { ...many, config: { template: "base" } }));
    await dev.instances.stop("old");
    await expect(dev.instances.start("old")).rejects.toMatchObject({ code: "policy.denied" });
    await expect(dev.instances.replace("old", anEcho("old", { replicas: 4 }))).rejects.toMatchObject({ code: "policy.denied" });
    await dev.instances.replace("old", anEcho("old", { replicas: 2 }));
    await dev.instances.start("old");
    await dev.instances.delete("old");
  });

  it("refuses a publish that would make an instance violate it, and tells claws what they may choose while they run", async ({
    expect,
  }) => {
    const { tenant, acme, boss, dev } = await aPlace();
    const template = (skills: object) => aTemplate("base", { adapter: "OpenClawAdapter", base: { skills: { entries: skills } } });
    await acme.configs.create(template({ weather: { enabled: true } }));
    await acme.configs.publish("base");
    await dev.instances.create(anInstance("user", { type: "OpenClaw", config: { template: "base" } }));
    const rendered = async () => {
      await app.settle();
      return JSON.parse(app.stacks.made(tenant, "user")?.runtime.files[0]?.content ?? "").skills;
    };
    expect((await rendered()).allowBundled).toBeUndefined();
    await boss.policies.create(aPolicy("skills", { rule: { name: "allowed-skills", value: "weather" } }));
    expect(await rendered()).toMatchObject({ allowBundled: ["weather"] });
    await acme.configs.replace("base", template({ weather: { enabled: true }, spy: {}, other: { enabled: false } }));
    await expect(acme.configs.publish("base")).rejects.toMatchObject({
      code: "policy.denied",
      message: expect.stringContaining("skills.entries.spy is 'spy'"),
    });
    await boss.policies.delete("skills");
    expect((await rendered()).allowBundled).toBeUndefined();
    await acme.configs.publish("base");
  });

  it("is about its project, or the instances with its labels, alone, and goes with the project", async ({ expect }) => {
    const { boss, dev } = await aPlace();
    await boss.policies.create(aPolicy("web", { at: { project: "web" } }));
    await boss.policies.create(aPolicy("prod", { match: { labels: { env: "prod" } } }));
    await dev.instances.create(anEcho("free", many));
    await expect(dev.instances.create(anEcho("in-web", many, { project: "web" }))).rejects.toMatchObject({ code: "policy.denied" });
    await expect(dev.instances.create(anEcho("in-prod", many, { labels: { env: "prod" } }))).rejects.toMatchObject({
      code: "policy.denied",
    });
    await expect(boss.policies.create(aPolicy("lost", { at: { project: "nowhere" } }))).rejects.toMatchObject({
      code: "project.not_found",
    });
    await boss.projects.delete("web");
    expect((await collect(boss.policies.list())).map(({ metadata }) => metadata.name)).toEqual(["prod"]);
  });

  it("is an expression over the manifest as it is resolved, secrets masked", async ({ expect }) => {
    const { boss, dev } = await aPlace();
    await boss.policies.create(
      aPolicy("named", { expression: "has(object.metadata.labels.team) && object.spec.version != ''", message: "name its team" }),
    );
    const secret = { config: { overrides: [{ key: "environment.API_TOKEN", value: "hunter2" }] } };
    await boss.policies.create(aPolicy("sealed", { expression: "object.spec.config.overrides.all(o, dyn(o.value) != 'hunter2')" }));
    await expect(dev.instances.create(anEcho("x"))).rejects.toMatchObject({
      message: expect.stringContaining("name its team (policy 'named'"),
    });
    await dev.instances.create(anEcho("y", secret, { labels: { team: "red" } }));
    await expect(boss.policies.create(aPolicy("typo", { expression: "object.spec.replica < 3" }))).rejects.toMatchObject({
      code: "request.invalid",
      issues: [{ path: "spec.expression", message: "No such key: replica, at line 1, column 13" }],
    });
    await expect(boss.policies.create(aPolicy("wrong", { rule: { name: "max-replicas", value: "few" } }))).rejects.toMatchObject({
      issues: [{ path: "spec.rule.value" }],
    });
  });
});

describe("a policy that warns or is audited", () => {
  it("refuses nothing, is shown by previews, and leaves an event and a record where it begins to be violated", async ({ expect }) => {
    const { boss, dev } = await aPlace();
    await boss.policies.create(aPolicy("advice", { mode: "warn" }));
    await boss.policies.create(aPolicy("watched", { mode: "audit", rule: { name: "required-labels", value: "team" } }));
    const preview = await dev.previews.create({ manifests: [anEcho("big", many)] });
    expect(preview.planId).toBeDefined();
    expect(preview.verdicts.filter(({ violated }) => violated).map(({ name, allowed, violated }) => [name, allowed, violated])).toEqual([
      ["advice", true, "warn"],
      ["watched", true, "audit"],
    ]);
    await dev.instances.create(anEcho("big", many));
    await dev.instances.replace("big", anEcho("big", { ...many, deletionPolicy: "delete" }));
    const events = (await dev.instances.events("big")).items.filter(({ reason }) => reason === "PolicyViolated");
    expect(events.map(({ message, actor }) => [message.replace(/ \(.*/, ""), actor]).sort()).toEqual([
      ["it has no label 'team'", "dev"],
      ["spec.replicas is 3, at most 2 are allowed", "dev"],
    ]);
    const records = (await boss.audit.list({ action: "instance.violate" })).items;
    expect(records.map(({ actor, resource, details }) => [actor, resource?.name, details["policy"], details["mode"]]).sort()).toEqual([
      ["dev", "big", "advice", "warn"],
      ["dev", "big", "watched", "audit"],
    ]);
  });
});

describe("a policy of the platform", () => {
  it("holds for every tenant that it is about, which sees it and can't change it", async ({ expect }) => {
    const [one, other] = [await aPlace(), await aPlace()];
    const name = uniqueName("policy");
    await platform.policies.create(ofPlatform(name, [one.tenant]));
    await expect(one.dev.instances.create(anEcho("big", many))).rejects.toMatchObject({
      code: "policy.denied",
      message: expect.stringContaining(`(policy '${name}' of the platform); change spec.replicas, or ask a platform administrator`),
    });
    await other.dev.instances.create(anEcho("big", many));
    expect((await one.boss.policies.get(name)).metadata.namespace).toBe("default");
    expect((await collect(one.boss.policies.list())).map(({ metadata }) => metadata.name)).toContain(name);
    await expect(one.boss.policies.delete(name)).rejects.toMatchObject({
      code: "auth.forbidden",
      message: expect.stringContaining("the platform's"),
    });
    await expect(one.boss.policies.replace(name, aPolicy(name, { mode: "audit" }))).rejects.toMatchObject({ code: "auth.forbidden" });
    await expect(one.boss.policies.create(aPolicy("mine", { at: "platform" }))).rejects.toMatchObject({ code: "request.invalid" });
    await platform.policies.delete(name);
    await one.dev.instances.create(anEcho("big", many));
  });

  it("is no business of those who run the tenant that keeps it", async ({ expect }) => {
    const keeper = app.user({ tenant: "default", subject: "keeper" });
    const name = uniqueName("keepers");
    await platform.roleBindings.create({
      ...aRoleBinding(name),
      spec: { role: "tenant-admin", subjects: [{ kind: "User", name: "keeper" }] },
    });
    await expect(keeper.policies.create(ofPlatform(name, ["nobody"]))).rejects.toMatchObject({ code: "auth.forbidden" });
    await platform.policies.create(ofPlatform(name, ["nobody"]));
    await expect(keeper.policies.replace(name, aPolicy(name))).rejects.toMatchObject({ code: "auth.forbidden" });
    await expect(keeper.policies.delete(name)).rejects.toMatchObject({ code: "auth.forbidden" });
    await platform.policies.delete(name);
  });
});

describe("a test of policies", () => {
  const tested = async (claw: typeof admin, policies?: PolicyInput[]) => {
    const violations = [];
    let [count, cursor]: [number, string | undefined] = [0, undefined];
    do {
      const answer: Awaited<ReturnType<typeof claw.policies.test>> = await claw.policies.test({
        ...(policies && { policies }),
        ...(cursor !== undefined && { cursor }),
      });
      violations.push(...answer.violations);
      count += answer.tested;
      cursor = answer.nextCursor;
    } while (cursor !== undefined);
    return { count, said: violations.map(({ tenant, instance, policy, mode }) => [tenant, instance, policy, mode].join(" ")).sort() };
  };
  const asInput = (policy: unknown) => PolicyInputSchema.parse(policy);

  it("says what a fleet violates, and what it would before anybody is refused, of what may be seen", async ({ expect }) => {
    const { tenant, acme, boss, dev } = await aPlace();
    await acme.roleBindings.create({
      ...aRoleBinding("guest"),
      spec: { role: "viewer", subjects: [{ kind: "User", name: "guest" }], at: { project: "web" } },
    });
    for (let index = 0; index < 60; index++) {
      await dev.instances.create(anEcho(`one-${index}`, index === 7 ? many : {}, index < 2 ? { project: "web" } : {}));
    }
    await boss.policies.create(aPolicy("advice", { mode: "warn" }));
    expect(await tested(boss)).toEqual({ count: 60, said: [`${tenant} one-7 advice warn`] });
    const web = asInput(aPolicy("stricter", { at: { project: "web" }, expression: "object.metadata.name != 'one-1'" }));
    expect(await tested(boss, [web])).toEqual({ count: 60, said: [`${tenant} one-1 stricter enforce`] });
    const guest = app.user({ tenant, subject: "guest" });
    expect(await tested(guest, [asInput(aPolicy("any", { rule: { name: "allowed-types", value: "None" } }))])).toMatchObject({ count: 2 });
    await expect(guest.policies.test({ cursor: "bm9uc2Vuc2U" })).rejects.toMatchObject({ code: "request.invalid" });
    await expect(guest.policies.test({ policies: [asInput(aPolicy("typo", { expression: "object.x" }))] })).rejects.toMatchObject({
      issues: [{ path: "spec.expression" }],
    });
  });

  it("tries a policy of the platform on all tenants for those who see them all, and on its own for others", async ({ expect }) => {
    const [one, other] = [await aPlace(), await aPlace()];
    await one.dev.instances.create(anEcho("big", many));
    await other.dev.instances.create(anEcho("big", many));
    const policy = asInput(ofPlatform("everywhere", [one.tenant, other.tenant]));
    const both = [one.tenant, other.tenant].map((tenant) => `${tenant} big everywhere enforce`).sort();
    expect((await tested(platform, [policy])).said).toEqual(both);
    await expect(one.boss.policies.test({ policies: [policy] })).rejects.toMatchObject({ code: "tenant.not_found" });
  });
});
