import { afterAll, beforeAll, describe, it } from "vitest";
import { ApiError, ConflictError } from "../../../sdk/client/index.ts";
import { anEcho, aTemplate, aTenant } from "../../support/builders/manifests.ts";
import { eventually, startTestService, type TestService } from "../../support/service.ts";

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
  await service.claw().tenants.create(aTenant("acme"));
});
afterAll(() => service.stop());

const running = (name: string, tenant = "acme") =>
  eventually(
    () => service.claw(tenant).instances.get(name),
    ({ status, metadata }) => status.phase === "Running" && status.observedGeneration === metadata.generation,
  );

/** Fetches, and notes how many bytes were answered. */
function measuring(sizes: number[]): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    const body = await response.arrayBuffer();
    sizes.push(body.byteLength);
    return new Response(body, response);
  };
}

describe("a preview", () => {
  it("shows every resource, file and verdict of a tenant that does not exist yet, and leaves nothing behind", async ({ expect }) => {
    const claw = service.claw();
    const manifests = [
      anEcho("first", {}, { namespace: "fresh" }),
      aTenant("fresh", { quota: { instances: 3 }, policies: [{ name: "allowed-types", value: "Echo" }] }),
    ];
    const preview = await claw.previews.create({ manifests });
    expect(preview.items.map(({ kind, op, effect }) => [kind, op, effect])).toEqual([
      ["Tenant", "create", "none"],
      ["ClawInstance", "create", "start"],
    ]);
    const instance = preview.items[1];
    expect(instance?.resources.every(({ op }) => op === "create")).toBe(true);
    expect(instance?.resources.length).toBeGreaterThanOrEqual(5);
    expect(instance?.files.map(({ diff }) => diff.includes("+"))).toContain(true);
    expect(preview.verdicts.map(({ kind, name, allowed }) => [kind, name, allowed])).toEqual([
      ["quota", "instances", true],
      ["policy", "allowed-types", true],
    ]);
    expect(preview.planId).toMatch(/^pln_/);
    await expect(claw.tenants.get("fresh")).rejects.toThrow(ApiError);

    await claw.previews.apply(preview.planId ?? "");
    const { metadata } = await running("first", "fresh");
    expect(metadata.name).toBe("first");
    // Applying again is safe and does nothing.
    await claw.previews.apply(preview.planId ?? "");
    expect((await service.claw("fresh").instances.get("first")).metadata).toMatchObject({ uid: metadata.uid, generation: 1 });
  });

  it("says, as a write does, that a type has no such version", async ({ expect }) => {
    const claw = service.claw("acme");
    const other = anEcho("other-version", { version: "9.9.9" });
    const problem = { path: "spec.version", message: expect.stringContaining("has no version '9.9.9'"), fix: "use 1.0.0, or leave it out" };
    const preview = await claw.previews.create({ manifests: [other] });
    expect(preview.items[0]?.problems).toEqual([{ ...problem, blocking: true }]);
    expect(preview.planId).toBeUndefined();
    await expect(claw.instances.create(other)).rejects.toMatchObject({ status: 422, code: "config.invalid", issues: [problem] });
    await claw.instances.create(anEcho("other-version", { version: "1.0.0" }));
    await expect(claw.instances.replace("other-version", other)).rejects.toMatchObject({ code: "config.invalid" });
  });

  it("is refused with 409 once what it was computed from has changed, and then changes nothing", async ({ expect }) => {
    const claw = service.claw("acme");
    await claw.instances.create(anEcho("moving"));
    await running("moving");
    const preview = await claw.previews.create({ manifests: [anEcho("moving", { resources: { cpu: "200m", memory: "64Mi" } })] });
    await claw.instances.replace("moving", anEcho("moving", {}, { labels: { touched: "yes" } }));
    const refusal = await claw.previews.apply(preview.planId ?? "").catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ConflictError);
    expect(refusal).toMatchObject({ code: "preview.stale" });
    expect((await claw.instances.get("moving")).spec.resources.cpu).toBe("100m");
  });

  it("says whether a change is hot or a restart, in line diffs and property diffs", async ({ expect }) => {
    const claw = service.claw("acme");
    await claw.instances.create(anEcho("hot"));
    await running("hot");
    const hot = await claw.previews.create({
      manifests: [anEcho("hot", { config: { overrides: [{ key: "reply.prefix", value: "you said: " }] } })],
    });
    expect(hot.items[0]).toMatchObject({ op: "update", effect: "hot-reload" });
    expect(hot.items[0]?.files[0]?.diff).toContain("you said: ");
    const restart = await claw.previews.create({ changes: [{ action: "restart", name: "hot" }] });
    expect(restart.items[0]).toMatchObject({ effect: "restart" });
    const stop = await claw.previews.create({ changes: [{ action: "stop", name: "hot" }] });
    expect(stop.items[0]).toMatchObject({ effect: "stop" });
    const same = await claw.previews.create({ manifests: [anEcho("hot")] });
    expect(same.items[0]).toMatchObject({ op: "same", effect: "none", files: [] });
  });

  it("counts every instance that a template reaches", async ({ expect }) => {
    const claw = service.claw("acme");
    const template = (text: string) => aTemplate("shared", { variables: [{ name: "reply.prefix", type: "string", default: text }] });
    await claw.configs.create(template("one: "));
    await claw.configs.publish("shared", { message: "first" });
    for (const name of ["user-1", "user-2"]) {
      await claw.instances.create(anEcho(name, { config: { template: "shared" } }));
      await running(name);
    }
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
    for (const name of ["user-1", "user-2"]) {
      expect((await running(name)).status.configVersion).toBe(2);
    }
    expect((await claw.configs.versions("shared")).items.map(({ version }) => version)).toEqual([2, 1]);
  });

  it("of a fleet is answered in pages below a megabyte, which are read by its id as they were shown, applicable or not", async ({
    expect,
  }) => {
    await service.claw().tenants.create(aTenant("pages", { quota: { instances: 70 } }));
    const names = Array.from({ length: 80 }, (_, index) => `page-${index}`);
    const manifests = names.map((name) => anEcho(name, { running: false }, { annotations: { note: "n".repeat(16_000) } }));
    for (const [asked, isApplicable] of [
      [manifests.slice(0, 70), true],
      [manifests, false],
    ] as const) {
      const sizes: number[] = [];
      const claw = service.claw("pages").withOptions({ fetch: measuring(sizes) });
      const created = await claw.previews.create({ manifests: asked });
      expect(created.planId !== undefined).toBe(isApplicable);
      expect(created.items.length).toBeLessThan(asked.length);
      expect(await claw.previews.get(created.id)).toEqual(created);
      const listed = [];
      for await (const item of claw.previews.changes(created.id)) {
        listed.push(item);
      }
      expect(listed.map(({ name }) => name)).toEqual(names.slice(0, asked.length));
      const resources = listed.flatMap((item) => item.resources);
      expect(created.summary).toMatchObject({ items: { create: asked.length }, create: resources.length, problems: 0 });
      expect(listed.slice(0, created.items.length)).toEqual(created.items);
      expect(sizes.length).toBeGreaterThan(5);
      expect(Math.max(...sizes)).toBeLessThan(1_000_000);
      await expect(claw.previews.changes("pln_unknown", { cursor: created.nextCursor })).rejects.toMatchObject({
        code: "preview.not_found",
      });
      if (!isApplicable) {
        await expect(claw.previews.apply(created.id)).rejects.toMatchObject({ code: "tenant.quota_exceeded" });
      }
    }
  });

  it("gives no plan for what quota or policy forbid, and says which and how to ask for more", async ({ expect }) => {
    const claw = service.claw("tight");
    await service.claw().tenants.create(aTenant("tight", { quota: { instances: 1 }, policies: [{ name: "max-replicas", value: "1" }] }));
    const preview = await claw.previews.create({ manifests: [anEcho("a"), anEcho("b")] });
    expect(preview.planId).toBeUndefined();
    expect(preview.verdicts.find(({ allowed }) => !allowed)?.message).toMatch(/would use 2 of 1 instances; .* ask/);
    const results = await Promise.allSettled([claw.instances.create(anEcho("a")), claw.instances.create(anEcho("b"))]);
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });
});
