import { describe, it } from "vitest";
import { ConflictError, type Page } from "../../../../sdk/client/index.ts";
import { ClawInstanceInputSchema, type Manifest, type PreviewItem } from "../../../../sdk/contract/index.ts";
import { previewChanges } from "../../../../service/application/resources/previews.ts";
import { administrator } from "../../../../service/domain/access/actor.ts";
import type { PlannedChange } from "../../../../service/domain/change.ts";
import { Room } from "../../../../service/domain/room.ts";
import { anApplication } from "../../../support/application.ts";
import { aClusterManifest } from "../../../support/builders/cluster.ts";
import { anEcho, aTemplate, aTenant } from "../../../support/builders/manifests.ts";

const app = await anApplication();
await app.admin().tenants.create(aTenant("acme"));
const claw = app.as({ tenant: "acme" });

const prefix = (value: string) => ({ config: { overrides: [{ key: "reply.prefix", value }] } });

describe("a preview", () => {
  it("is refused where what it compares takes more room than there is, and leaves that to the next", async ({ expect }) => {
    const room = { what: "the configurations that a preview compares", fix: "preview fewer" };
    const owner = { actor: administrator("somebody"), tenant: undefined };
    const change = (name: string): PlannedChange => ({
      action: "apply",
      tenant: "acme",
      manifest: ClawInstanceInputSchema.parse(anEcho(name)),
    });
    const small = { ...app.dependencies, previewRoom: new Room(1000, room) };
    await expect(previewChanges(owner, [change("large")], small)).rejects.toMatchObject({
      code: "request.too_large",
      message: "the configurations that a preview compares come to more than 500 characters; preview fewer",
    });
    const previewRoom = new Room(40_000, room);
    const others = previewRoom.hold();
    others.take(20_000);
    const more = previewRoom.hold();
    more.take(18_000);
    const shared = { ...app.dependencies, previewRoom };
    await expect(previewChanges(owner, [change("large")], shared)).rejects.toMatchObject({ code: "request.rate_limited" });
    others.release();
    more.release();
    for (const _ of Array.from({ length: 5 })) {
      expect((await previewChanges(owner, [change("large")], shared)).summary.items.create).toBe(1);
    }
  });

  it("goes, oldest first, where its tenant keeps more of them than it may", async ({ expect }) => {
    await app.admin().tenants.create(aTenant("curious"));
    const curious = app.as({ tenant: "curious" });
    const see = async () => (await curious.previews.create({ manifests: [anEcho("seen")] })).id;
    const [first, second] = [await see(), await see()];
    expect((await curious.previews.get(first)).id).toBe(first);
    await app.database.dataSource.query(`update plans set bytes = 300000000 where id = $1`, [second]);
    const third = await see();
    expect((await curious.previews.get(third)).id).toBe(third);
    for (const gone of [first, second]) {
      await expect(curious.previews.get(gone)).rejects.toMatchObject({ code: "preview.not_found" });
    }
  });

  it("shows every resource, file and verdict of a tenant that does not exist yet, and leaves nothing behind", async ({ expect }) => {
    const admin = app.admin();
    const manifests = [
      anEcho("first", {}, { namespace: "fresh" }),
      aTenant("fresh", { quota: { instances: 3 }, policies: [{ name: "allowed-types", value: "Echo" }] }),
    ];
    const preview = await admin.previews.create({ manifests });
    expect(preview.items.map(({ kind, op, effect }) => [kind, op, effect])).toEqual([
      ["Tenant", "create", "none"],
      ["ClawInstance", "create", "start"],
    ]);
    const instance = preview.items[1];
    expect(new Set(instance?.resources.map(({ op }) => op))).toEqual(new Set(["create"]));
    expect(preview.summary.create).toBe(instance?.resources.length);
    expect(instance?.files.map(({ diff }) => diff.includes("+"))).toContain(true);
    expect(preview.verdicts.map(({ kind, name, allowed }) => [kind, name, allowed])).toEqual([
      ["quota", "instances", true],
      ["policy", "allowed-types", true],
    ]);
    await expect(admin.tenants.get("fresh")).rejects.toMatchObject({ code: "tenant.not_found" });
  });

  it("says, as a write does, that a type has no such version", async ({ expect }) => {
    const other = anEcho("other-version", { version: "9.9.9" });
    const problem = { path: "spec.version", message: expect.stringContaining("has no version '9.9.9'"), fix: "use 1.0.0, or leave it out" };
    const preview = await claw.previews.create({ manifests: [other] });
    expect(preview.items[0]?.problems).toEqual([{ ...problem, blocking: true }]);
    expect(preview.planId).toBeUndefined();
    await expect(claw.instances.create(other)).rejects.toMatchObject({ status: 422, code: "config.invalid", issues: [problem] });
    await claw.instances.create(anEcho("other-version", { version: "1.0.0" }));
    await expect(claw.instances.replace("other-version", other)).rejects.toMatchObject({ code: "config.invalid" });
  });

  it("says whether a change is hot, a restart, a stop or none, in line diffs and property diffs", async ({ expect }) => {
    await claw.instances.create(anEcho("hot"));
    await app.settle();
    const hot = await claw.previews.create({ manifests: [anEcho("hot", prefix("you said: "))] });
    expect(hot.items[0]).toMatchObject({ op: "update", effect: "hot-reload" });
    expect(hot.items[0]?.files[0]?.diff).toContain("you said: ");
    const [changed] = hot.items[0]?.resources.filter(({ op }) => op !== "same") ?? [];
    expect(changed).toMatchObject({
      op: "update",
      diffs: [{ path: 'files["config.json"]', after: expect.stringContaining("you said: ") }],
    });
    const restart = await claw.previews.create({ changes: [{ action: "restart", name: "hot" }] });
    expect(restart.items[0]).toMatchObject({ effect: "restart" });
    const stop = await claw.previews.create({ changes: [{ action: "stop", name: "hot" }] });
    expect(stop.items[0]).toMatchObject({ effect: "stop" });
    const gone = await claw.previews.create({ changes: [{ action: "delete", kind: "ClawInstance", name: "hot" }] });
    expect(gone.items[0]).toMatchObject({ op: "delete", effect: "delete" });
    expect(new Set(gone.items[0]?.resources.map(({ op }) => op))).toEqual(new Set(["delete"]));
    const same = await claw.previews.create({ manifests: [anEcho("hot")] });
    expect(same.items[0]).toMatchObject({ op: "same", effect: "none", files: [] });
  });

  it("counts every instance that a template reaches", async ({ expect }) => {
    const template = (text: string) => aTemplate("shared", { variables: [{ name: "reply.prefix", type: "string", default: text }] });
    await claw.configs.create(template("one: "));
    await claw.configs.publish("shared", { message: "first" });
    for (const name of ["user-1", "user-2"]) {
      await claw.instances.create(anEcho(name, { config: { template: "shared" } }));
    }
    await app.settle();
    const draft = await claw.configs.replace("shared", template("two: "), { preview: true });
    expect(draft.items.map(({ kind, name, op }) => [kind, name, op])).toEqual([["ConfigTemplate", "shared", "update"]]);
    await claw.configs.replace("shared", template("two: "));
    const preview = await claw.previews.create({ changes: [{ action: "publish", name: "shared" }] });
    expect(preview.items.map(({ kind, name, effect }) => [kind, name, effect])).toEqual([
      ["ConfigTemplate", "shared", "none"],
      ["ClawInstance", "user-1", "hot-reload"],
      ["ClawInstance", "user-2", "hot-reload"],
    ]);
    await claw.previews.apply(preview.planId ?? "");
    await app.settle();
    for (const name of ["user-1", "user-2"]) {
      expect((await claw.instances.get(name)).status).toMatchObject({ phase: "Running", configVersion: 2 });
    }
    expect((await claw.configs.versions("shared")).items.map(({ version }) => version)).toEqual([2, 1]);
  });

  it("of a fleet is answered in pages below a megabyte, which are read by its id as they were shown, applicable or not", async ({
    expect,
  }) => {
    await app.admin().tenants.create(aTenant("pages", { quota: { instances: 70 } }));
    const pages = app.as({ tenant: "pages" });
    const names = Array.from({ length: 80 }, (_, index) => `page-${index}`);
    const manifests = names.map((name) => anEcho(name, { running: false }, { annotations: { note: "n".repeat(16_000) } }));
    for (const [asked, isApplicable] of [
      [manifests.slice(0, 70), true],
      [manifests, false],
    ] as const) {
      const created = await pages.previews.create({ manifests: asked });
      expect(created.planId !== undefined).toBe(isApplicable);
      expect(created.items.length).toBeLessThan(asked.length);
      expect(await pages.previews.get(created.id)).toEqual(created);
      const listed: PreviewItem[] = [];
      const sizes = [JSON.stringify(created).length];
      for (let cursor: string | undefined, isLast = false; !isLast; isLast = cursor === undefined) {
        const page: Page<PreviewItem> = await pages.previews.changes(created.id, { cursor });
        listed.push(...page.items);
        sizes.push(JSON.stringify(page).length);
        cursor = page.nextCursor;
      }
      expect(listed.map(({ name }) => name)).toEqual(names.slice(0, asked.length));
      const resources = listed.flatMap((item) => item.resources);
      expect(created.summary).toMatchObject({ items: { create: asked.length }, create: resources.length, problems: 0 });
      expect(listed.slice(0, created.items.length)).toEqual(created.items);
      expect(sizes.length).toBeGreaterThan(2);
      expect(Math.max(...sizes)).toBeLessThan(1_000_000);
      await expect(pages.previews.changes("pln_unknown", { cursor: created.nextCursor })).rejects.toMatchObject({
        code: "preview.not_found",
      });
      if (!isApplicable) {
        await expect(pages.previews.apply(created.id)).rejects.toMatchObject({ code: "tenant.quota_exceeded" });
      }
    }
  });

  it("gives no plan for what quota or policy forbid, and says which and how to ask for more", async ({ expect }) => {
    await app.admin().tenants.create(aTenant("tight", { quota: { instances: 1 }, policies: [{ name: "max-replicas", value: "1" }] }));
    const tight = app.as({ tenant: "tight" });
    const preview = await tight.previews.create({ manifests: [anEcho("a"), anEcho("b")] });
    expect(preview.planId).toBeUndefined();
    expect(preview.verdicts.find(({ allowed }) => !allowed)?.message).toMatch(/would use 2 of 1 instances; .* ask/);
  });
});

describe("a plan", () => {
  it("makes what was shown, once: applying it again does nothing", async ({ expect }) => {
    const { planId = "" } = await claw.previews.create({ manifests: [anEcho("planned")] });
    await claw.previews.apply(planId);
    await app.settle();
    const { metadata, status } = await claw.instances.get("planned");
    expect(status.phase).toBe("Running");
    await claw.previews.apply(planId);
    expect((await claw.instances.get("planned")).metadata).toMatchObject({ uid: metadata.uid, generation: 1 });
  });

  it("is stale once what it was computed from has changed, and then changes nothing", async ({ expect }) => {
    await claw.instances.create(anEcho("moving"));
    await app.settle();
    const { planId = "" } = await claw.previews.create({ manifests: [anEcho("moving", { resources: { cpu: "200m", memory: "64Mi" } })] });
    await claw.instances.replace("moving", anEcho("moving", {}, { labels: { touched: "yes" } }));
    const refusal = await claw.previews.apply(planId).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ConflictError);
    expect(refusal).toMatchObject({ code: "preview.stale", issues: [{ path: "ClawInstance/acme/moving" }] });
    expect((await claw.instances.get("moving")).spec.resources.cpu).toBe("100m");
  });

  it("is none the staler for what was declared before it and is brought meanwhile", async ({ expect }) => {
    await claw.instances.create(anEcho("following"));
    const { planId = "" } = await claw.previews.create({
      manifests: [anEcho("following", { resources: { cpu: "200m", memory: "64Mi" } })],
    });
    await app.settle();
    await claw.previews.apply(planId);
    expect((await claw.instances.get("following")).spec.resources.cpu).toBe("200m");
  });

  it("is none the staler for what agents report meanwhile of one of several", async ({ expect }) => {
    const names = ["several-1", "several-2", "several-3"];
    for (const name of names) {
      await claw.instances.create(anEcho(name));
    }
    await app.settle();
    // Of a small table that PostgreSQL has looked at, rows that are not asked for in an order come in the one in which they were written last.
    await app.database.pool.query("analyze instances");
    const { planId = "" } = await claw.previews.create({ manifests: names.map((name) => anEcho(name, prefix("together: "))) });
    await app.database.pool.query("update instances set last_transition_time = last_transition_time where name = 'several-2'");
    await claw.previews.apply(planId);
    expect((await claw.instances.get("several-1")).metadata.generation).toBe(2);
  });

  it("is stale an hour later, and another tenant's is none at all", async ({ expect }) => {
    const { planId = "" } = await claw.previews.create({ manifests: [anEcho("late")] });
    await app.admin().tenants.create(aTenant("other"));
    await expect(app.as({ tenant: "other" }).previews.apply(planId)).rejects.toMatchObject({ code: "preview.not_found" });
    await app.pass(3601);
    await expect(claw.previews.apply(planId)).rejects.toMatchObject({ code: "preview.stale", message: /expired at/ });
    await expect(claw.instances.get("late")).rejects.toMatchObject({ code: "instance.not_found" });
  });

  it("of manifests of every kind is made as a whole or not at all, in the order that they need", async ({ expect }) => {
    const admin = app.admin();
    const metadata = { namespace: "whole" };
    const manifests = [
      anEcho("web", { running: false, config: { template: "base" } }, { ...metadata, project: "site" }),
      { ...aTemplate("base"), metadata: { name: "base", ...metadata } },
      { apiVersion: "clusterclaw.io/v1", kind: "Project", metadata: { name: "site", ...metadata }, spec: {} },
      aTenant("whole"),
      aClusterManifest("whole-cluster"),
    ] as Manifest[];
    const whole = app.admin("whole");
    const found = () =>
      Promise.all(
        [
          () => admin.tenants.get("whole"),
          () => admin.clusters.get("whole-cluster"),
          () => whole.projects.get("site"),
          () => whole.configs.get("base"),
          () => whole.instances.get("web"),
        ].map((get) =>
          get().then(
            () => true,
            () => false,
          ),
        ),
      );
    const { items, planId = "" } = await admin.previews.create({ manifests });
    expect(items.map(({ kind, op }) => `${kind} ${op}`)).toEqual([
      "Cluster create",
      "Tenant create",
      "Project create",
      "ConfigTemplate create",
      "ClawInstance create",
    ]);
    expect(await found()).toEqual([false, false, false, false, false]);
    const broken = [...manifests, anEcho("bad", { type: "Nope" }, metadata)];
    await expect(admin.previews.create({ manifests: broken })).rejects.toMatchObject({ status: 422 });
    await admin.previews.apply(planId);
    expect(await found()).toEqual([true, true, true, true, true]);
  });
});
