import { describe, it } from "vitest";
import { anApplication } from "../../../support/application.ts";
import { aClusterManifest } from "../../../support/builders/cluster.ts";
import { anEcho, aTenant } from "../../../support/builders/manifests.ts";

const app = await anApplication();
const admin = app.admin();
await admin.tenants.create(aTenant("acme", { allowLocal: true }));
const acme = app.as({ tenant: "acme" });

/** A cluster that has been asked, and answered. */
async function aReachable(name: string, spec: object = {}, metadata: object = {}): Promise<void> {
  await admin.clusters.create(aClusterManifest(name, spec, metadata));
  await app.answers(name);
}

describe("placement", () => {
  it("is decided with the write, shown before, and kept", async ({ expect }) => {
    await aReachable("small", { capacity: { instances: 1 } }, { labels: { fleet: "one" } });
    await aReachable("large", { capacity: { instances: 4 } }, { labels: { fleet: "one" } });
    await admin.tenants.create(aTenant("placed", { placement: { selector: { fleet: "one" } } }));
    const placed = app.as({ tenant: "placed" });
    for (const name of ["a", "b"]) {
      await placed.instances.create(anEcho(name));
    }
    const { items } = await placed.instances.list();
    expect(items.map(({ status }) => status.cluster)).toEqual(["large", "large"]);
    expect((await admin.clusters.get("large")).status.allocated).toMatchObject({ instances: 2, cpu: "0.2" });
    // A change of the tenant's wish is for instances to come.
    await admin.tenants.replace("placed", aTenant("placed", { placement: { cluster: "small" } }));
    await placed.instances.replace("a", anEcho("a", { resources: { cpu: "200m" } }));
    expect((await placed.instances.get("a")).status.cluster).toBe("large");
    const preview = await placed.previews.create({ manifests: [anEcho("c", { placement: { cluster: "large" } })] });
    expect(preview.items[0]?.placement).toEqual({ cluster: "large", reason: "asked for by name" });
  });

  it("that nothing satisfies is refused, with the reason of each cluster", async ({ expect }) => {
    await aReachable("tight", { capacity: { cpu: "50m" } }, { labels: { tier: "gold" } });
    await aReachable("plain");
    const refused = await acme.instances
      .create(anEcho("hopeful", { placement: { selector: { tier: "gold" } } }))
      .catch((error: unknown) => error as Error);
    expect(refused).toMatchObject({ code: "placement.unsatisfied" });
    expect((refused as Error).message).toMatch(/'tight': 0 of 0\.05 cores are taken/);
    expect((refused as Error).message).toMatch(/'plain': its labels don't match tier=gold/);
  });

  it("is refused by a cluster without an image for the claw's type, which can't lose the one that it uses either", async ({ expect }) => {
    const images = { agent: "claw-agent:1", claws: { Other: "other:1" } };
    await admin.clusters.create(aClusterManifest("imageless", { images }));
    const wanted = anEcho("pictured", { placement: { cluster: "imageless" } });
    const reason = "it has no image for claws of type 'Echo': set spec.images.claws.Echo of cluster 'imageless'";
    await expect(acme.instances.create(wanted)).rejects.toMatchObject({
      code: "placement.unsatisfied",
      issues: [{ path: "clusters.imageless", message: reason }],
    });
    await admin.clusters.replace("imageless", aClusterManifest("imageless"));
    await acme.instances.create(wanted);
    await expect(admin.clusters.replace("imageless", aClusterManifest("imageless", { images }))).rejects.toMatchObject({
      code: "request.invalid",
      issues: [{ path: "spec.images.claws.Echo", message: expect.stringContaining("acme/pictured") }],
    });
  });

  it("never takes more than there is room for, however many come at once", async ({ expect }) => {
    await admin.clusters.create(aClusterManifest("two", { capacity: { instances: 2 } }));
    const results = await Promise.allSettled(
      [1, 2, 3, 4, 5].map((index) => acme.instances.create(anEcho(`rush-${index}`, { placement: { cluster: "two" } }))),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(2);
  });
});

describe("moving", () => {
  it("is refused for an instance with data to keep, and leaves the old place first for one without", async ({ expect }) => {
    await aReachable("elsewhere");
    await acme.instances.create(anEcho("keeper"));
    await acme.instances.create(anEcho("goer", { deletionPolicy: "delete" }));
    await app.settle();
    const placement = { cluster: "elsewhere" };
    await expect(acme.instances.replace("keeper", anEcho("keeper", { placement }))).rejects.toMatchObject({
      code: "placement.holds_data",
    });
    const goer = anEcho("goer", { deletionPolicy: "delete", placement });
    const preview = await acme.previews.create({ manifests: [goer] });
    expect(preview.items[0]?.placement).toMatchObject({ cluster: "elsewhere", from: "local" });
    const ops = preview.items[0]?.resources.map(({ op }) => op);
    expect(new Set(ops)).toEqual(new Set(["delete", "create"]));
    await acme.instances.replace("goer", goer);
    await app.settle();
    const { status, metadata } = await acme.instances.get("goer");
    expect(status).toMatchObject({ cluster: "elsewhere", phase: "Running", observedGeneration: metadata.generation });
    expect(app.agents.status(metadata.uid)).toBeUndefined();
  });
});

describe("a drain", () => {
  it("closes the cluster, moves what can go, and says why the rest stays", async ({ expect }) => {
    await aReachable("old", { capacity: { instances: 9 } }, { labels: { pool: "p" } });
    const chosen = { placement: { selector: { pool: "p" } } };
    await acme.instances.create(anEcho("chosen", chosen));
    await acme.instances.create(anEcho("pinned", { placement: { cluster: "old" } }));
    await aReachable("new", { capacity: { instances: 9 } }, { labels: { pool: "p" } });
    const dry = await admin.clusters.drain("old", { dryRun: true });
    expect(dry.moved).toEqual([{ tenant: "acme", instance: "chosen", to: "new" }]);
    expect((await admin.clusters.get("old")).spec.unschedulable).toBe(false);
    const drained = await admin.clusters.drain("old");
    for (const event of ["cluster.updated", "cluster.cordoned"]) {
      const data = expect.objectContaining({ name: "old", actor: "admin" });
      expect(await app.published(event)).toContainEqual(expect.objectContaining({ data }));
    }
    const chosenMoved = expect.objectContaining({ name: "chosen", tenant: "acme", actor: "admin" });
    expect(await app.published("instance.updated")).toContainEqual(expect.objectContaining({ data: chosenMoved }));
    const [newest] = (await acme.instances.events("chosen")).items;
    expect(newest).toMatchObject({ reason: "Moved", actor: "admin", message: /^moved from 'old' to 'new': its cluster is drained; / });
    const [record] = (await acme.audit.list({ action: "instance.move" })).items;
    expect(record).toMatchObject({ resource: { name: "chosen" }, details: { from: "old", to: "new" } });
    expect(drained.moved).toEqual(dry.moved);
    expect(drained.summary).toEqual({ moved: 1, stays: 1 });
    expect(drained.stays).toMatchObject([{ instance: "pinned", reason: /names this cluster/ }]);
    expect((await acme.instances.get("chosen")).status.cluster).toBe("new");
    await expect(acme.instances.create(anEcho("late", { placement: { cluster: "old" } }))).rejects.toMatchObject({
      code: "placement.unsatisfied",
    });
  });

  it("gives up no data without being told to", async ({ expect }) => {
    await aReachable("left", {}, { labels: { side: "s" } });
    const either = { placement: { selector: { side: "s" } } };
    await acme.instances.create(anEcho("has-data", either));
    await acme.instances.create(anEcho("may-move", { ...either, deletionPolicy: "delete" }));
    await app.settle();
    await aReachable("right", {}, { labels: { side: "s" } });
    const kept = await admin.clusters.drain("left");
    expect(kept.moved).toEqual([]);
    expect(kept.stays.find(({ instance }) => instance === "may-move")?.reason).toMatch(/--discard-data/);
    const drained = await admin.clusters.drain("left", { discardData: true });
    expect(drained.moved).toEqual([{ tenant: "acme", instance: "may-move", to: "right" }]);
    expect(drained.stays).toMatchObject([{ instance: "has-data", reason: /data/ }]);
    await app.settle();
    expect((await acme.instances.get("may-move")).status).toMatchObject({ cluster: "right", phase: "Running" });
  });
});
