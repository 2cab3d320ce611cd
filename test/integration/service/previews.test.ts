import { afterAll, beforeAll, describe, it } from "vitest";
import { anEcho, aTenant } from "../../support/builders/manifests.ts";
import { eventually, startTestService, type TestService } from "../../support/service.ts";

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.stop());

const running = (name: string, tenant: string) =>
  eventually(
    () => service.claw(tenant).instances.get(name),
    ({ status, metadata }) => status.phase === "Running" && status.observedGeneration === metadata.generation,
  );

/** The rules of previews and plans are in `test/integration/application/resources`: this is what an engine adds to them. */
describe("a preview", () => {
  it("shows what the engine would do, is applied, and shows then how what runs would change", async ({ expect }) => {
    const claw = service.claw();
    const manifests = [anEcho("first", {}, { namespace: "fresh" }), aTenant("fresh")];
    const preview = await claw.previews.create({ manifests });
    const instance = preview.items[1];
    expect(instance?.resources.every(({ op }) => op === "create")).toBe(true);
    expect(instance?.resources.length).toBeGreaterThanOrEqual(5);
    expect(instance?.files.map(({ diff }) => diff.includes("+"))).toContain(true);
    await claw.previews.apply(preview.planId ?? "");
    const { metadata } = await running("first", "fresh");
    expect(metadata.generation).toBe(1);

    const fresh = service.claw("fresh");
    const config = { overrides: [{ key: "reply.prefix", value: "you said: " }] };
    const hot = await fresh.previews.create({ manifests: [anEcho("first", { config })] });
    expect(hot.items[0]).toMatchObject({ op: "update", effect: "hot-reload" });
    expect(hot.items[0]?.resources.filter(({ op }) => op !== "same")).toMatchObject([
      { name: "first-files", op: "update", diffs: [{ path: 'files["config.json"]', after: expect.stringContaining("you said: ") }] },
      { name: "first-process", op: "update", diffs: [{ path: "configDigest" }] },
    ]);
    const restart = await fresh.previews.create({ changes: [{ action: "restart", name: "first" }] });
    expect(restart.items[0]?.resources.filter(({ op }) => op !== "same")).toMatchObject([{ name: "first-process", op: "update" }]);
    const same = await fresh.previews.create({ manifests: [anEcho("first")] });
    expect(same.items[0]?.resources.map(({ op }) => op)).toEqual(instance?.resources.map(() => "same"));
  });
});
