import { describe, it } from "vitest";
import type { ClawInstance } from "../../../../sdk/contract/index.ts";
import type { Deviation } from "../../../../service/application/ports/clusters/clusters.ts";
import { stubborn, takenOut } from "../../../support/application/clusters.ts";
import { anApplication } from "../../../support/application.ts";
import { aClusterManifest } from "../../../support/builders/cluster.ts";
import { anEcho, aTenant } from "../../../support/builders/manifests.ts";

const app = await anApplication();
const admin = app.admin();
await admin.clusters.create(aClusterManifest("east"));
await app.answers("east");

/** A tenant with an instance that runs on a cluster. */
async function aRunning(tenant: string, spec: object = {}) {
  await admin.tenants.create(aTenant(tenant, { placement: { cluster: "east" } }));
  const claw = app.as({ tenant });
  await claw.instances.create(anEcho("web", spec));
  await app.settle();
  const stack = `${tenant}.east`;
  const get = () => claw.instances.get("web");
  return {
    claw,
    get,
    /** Somebody does that behind the stack's back, and it is found. */
    found(kind: string, deviation: Deviation) {
      app.stacks.deviate(stack, kind, deviation, "web");
      return admin.stacks.refresh(stack);
    },
    /** The same, of what all of the tenant's instances share there. */
    foundShared(kind: string, deviation: Deviation) {
      app.stacks.deviate(stack, kind, deviation);
      return admin.stacks.refresh(stack);
    },
    refresh: () => admin.stacks.refresh(stack),
    undo: (kind: string) => app.stacks.deviate(stack, kind, undefined, "web"),
    events: async (reason: string) => (await claw.instances.events("web")).items.filter((event) => event.reason === reason),
    /** What a preview of the instance as it is now would change of its resources. */
    async changes() {
      const { status: _, ...manifest } = await get();
      const { items } = await claw.previews.create({ manifests: [manifest] });
      return items[0]?.resources.filter(({ op }) => op !== "same").map(({ type, op }) => [type, op]);
    },
  };
}

const scaled = (before: number, after: number): Deviation => ({
  op: "changed",
  diffs: [{ path: "spec.replicas", kind: "update", before: `${before}`, after: `${after}` }],
});
const resized = (cpu: string): Deviation => ({
  op: "changed",
  manager: "kubectl-set",
  diffs: ["requests", "limits"].map((part) => ({
    path: `spec.template.spec.containers[claw].resources.${part}.cpu`,
    kind: "update",
    before: '"100m"',
    after: JSON.stringify(cpu),
  })),
});
const driftedOf = ({ status }: ClawInstance) => status.conditions.find(({ type }) => type === "Drifted");

describe("what somebody changes behind the control plane's back", () => {
  it("is shown, told once, published, and forgotten when it is undone", async ({ expect }) => {
    const web = await aRunning("shown");
    const before = (await web.get()).metadata;
    const { drift } = await web.found("StatefulSet", { ...scaled(1, 3), manager: "kubectl-scale" });
    expect(drift).toMatchObject([{ instance: "web", op: "changed", manager: "kubectl-scale", diffs: [{ path: "spec.replicas" }] }]);
    await web.refresh();
    const drifted = await web.get();
    expect(drifted.status.drift).toHaveLength(1);
    expect(driftedOf(drifted)).toMatchObject({ status: "True", reason: "ChangedOutside" });
    expect(drifted.metadata).toEqual(before);
    expect(await web.events("Drifted")).toMatchObject([{ message: expect.stringMatching(/spec\.replicas 1 → 3, by kubectl-scale/) }]);
    expect(await app.published("instance.drifted")).toMatchObject([{ data: { name: "web", op: "changed" } }]);

    web.undo("StatefulSet");
    await web.refresh();
    expect((await web.get()).status.drift).toBeUndefined();
  });

  it("is repaired where the policy says so, by an operation that reads what there is first", async ({ expect }) => {
    const web = await aRunning("repaired", { drift: "repair" });
    await web.found("PodDisruptionBudget", { op: "deleted", diffs: [] });
    expect((await web.get()).status.drift).toHaveLength(1);
    await app.settle();
    const repaired = await web.get();
    expect(repaired.status.drift).toBeUndefined();
    expect(driftedOf(repaired)).toMatchObject({ status: "False", reason: "Repaired" });
    expect((await web.refresh()).drift).toEqual([]);
    expect(await web.events("Drifted")).toHaveLength(1);
  });

  it("keeps no other instance waiting when what others added to one can't be taken out", async ({ expect }) => {
    const web = await aRunning("stubborn", { drift: "repair" });
    await web.claw.instances.create(anEcho("other", { drift: "repair" }));
    await app.settle();
    const added: Deviation = {
      op: "changed",
      diffs: [{ path: "spec.template.spec.containers[claw].env[X]", kind: "add", after: "[secret]" }],
    };
    app.stacks.deviate("stubborn.east", "StatefulSet", added, "other");
    const { drift } = await web.found("StatefulSet", added);
    const [held] = drift.filter(({ instance }) => instance === "web").map(({ urn }) => urn);
    stubborn.add(held ?? "");
    await app.settle();
    stubborn.clear();
    const { status, metadata } = await web.claw.instances.get("other");
    expect(status).toMatchObject({ phase: "Running", observedGeneration: metadata.generation });
    expect(status.drift).toBeUndefined();
    expect((await web.get()).status.phase).toBe("Running");
    expect(takenOut()).toEqual([drift.find(({ instance }) => instance === "other")?.urn]);
  });

  it("is each instance's, when it is of what they share, and made as declared with the next change of one of them", async ({ expect }) => {
    const web = await aRunning("sharing");
    await web.claw.instances.create(anEcho("other"));
    await app.settle();
    const { drift } = await web.foundShared("ResourceQuota", { op: "deleted", diffs: [] });
    expect(drift.map(({ instance }) => instance).sort()).toEqual(["other", "web"]);
    await web.claw.instances.restart("web");
    await app.settle();
    expect((await web.refresh()).drift).toEqual([]);
  });

  it("is left alone while a change is due, which will see it itself", async ({ expect }) => {
    const web = await aRunning("busy");
    app.stacks.fail("web", { message: "no room" });
    await web.claw.instances.restart("web");
    await app.settle();
    expect((await web.get()).status.conditions).toContainEqual(expect.objectContaining({ type: "Provisioned", status: "False" }));
    const { skipped, drift } = await web.found("StatefulSet", scaled(1, 0));
    expect(skipped).toEqual(["web"]);
    expect(drift).toEqual([]);
    app.stacks.mend("web");
    await app.pass(600);
    await app.settle();
    expect((await web.refresh()).drift).toEqual([]);
    expect((await web.get()).status.drift).toBeUndefined();
  });
});

describe("the policy to adopt what somebody changes", () => {
  it("takes into the specification what has a place there", async ({ expect }) => {
    const web = await aRunning("adopted", { drift: "adopt" });
    await web.found("StatefulSet", { ...scaled(1, 0), manager: "kubectl-scale" });
    await app.settle();
    const stopped = await web.get();
    expect(stopped).toMatchObject({ metadata: { generation: 2 }, spec: { running: false }, status: { phase: "Stopped" } });
    expect(stopped.status.drift).toBeUndefined();
    expect(await web.changes()).toEqual([]);
    await web.found("StatefulSet", scaled(0, 1));
    await app.settle();
    const again = await web.get();
    expect(again).toMatchObject({ spec: { ...stopped.spec, running: true }, status: { phase: "Running" } });
    const adopted = { message: "spec.running is now as somebody made it" };
    expect(await web.events("DriftAdopted")).toMatchObject([
      { ...adopted, actor: "drift:unknown" },
      { ...adopted, actor: "drift:kubectl-scale" },
    ]);

    await web.found("StatefulSet", resized("150m"));
    await app.settle();
    expect((await web.get()).spec.resources).toEqual({ ...again.spec.resources, cpu: "150m" });
    expect(await web.changes()).toEqual([]);
  });

  it("says why not of what has none, and takes nothing of it", async ({ expect }) => {
    const web = await aRunning("left", { drift: "adopt" });
    const { generation } = (await web.get()).metadata;
    const path = 'metadata.labels["clusterclaw.io/project"]';
    await web.found("Service", { op: "changed", diffs: [{ path, kind: "update" }], manager: "kubectl-edit" });
    await web.found("StatefulSet", scaled(1, 3));
    const left = await web.get();
    expect(left.status.drift?.map(({ notAdopted }) => notAdopted)).toEqual([
      `${path}: an instance's specification has no place for it`,
      "spec.replicas: an instance is one pod or none, not 3; create more instances",
    ]);
    expect(driftedOf(left)?.message).toContain("not adopted: spec.replicas: an instance is one pod");
    expect(left.metadata.generation).toBe(generation);
    expect(await web.events("DriftNotAdopted")).toHaveLength(2);
  });

  it("does not take what quota or policy would refuse", async ({ expect }) => {
    const web = await aRunning("refused", { drift: "adopt" });
    await admin.tenants.setQuota("refused", { instances: 1, cpu: "100m" });
    await app.settle();
    await web.found("StatefulSet", resized("2"));
    const left = await web.get();
    expect(left.status.drift?.[0]?.notAdopted).toMatch(/cpu/);
    expect(left.spec.resources.cpu).toBe("100m");
  });
});
