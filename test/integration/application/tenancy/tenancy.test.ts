import { describe, it } from "vitest";
import { anApplication } from "../../../support/application.ts";
import { anEcho, aTenant } from "../../../support/builders/manifests.ts";

const app = await anApplication();
const admin = app.admin();

const aProject = (name: string, spec: object = {}) => ({
  apiVersion: "clusterclaw.io/v1" as const,
  kind: "Project" as const,
  metadata: { name },
  spec,
});

describe("a tenant", () => {
  it("keeps its other settings when its quota is set", async ({ expect }) => {
    const policies = [{ name: "max-replicas", value: "3" }];
    await admin.tenants.create(aTenant("kept", { displayName: "Kept", policies }));
    await admin.tenants.setQuota("kept", { instances: 7 });
    expect((await admin.tenants.get("kept")).spec).toEqual({ displayName: "Kept", quota: { instances: 7 }, policies, admins: [] });
  });

  it("can't be deleted with instances in it, one that is on its way out among them, nor the one that others stand on", async ({
    expect,
  }) => {
    await admin.tenants.create(aTenant("leaving"));
    const claw = app.as({ tenant: "leaving" });
    await claw.instances.create(anEcho("web"));
    await app.settle();
    await expect(admin.tenants.delete("leaving")).rejects.toMatchObject({ code: "tenant.not_empty" });
    await claw.instances.delete("web");
    await expect(admin.tenants.delete("leaving")).rejects.toMatchObject({ code: "tenant.not_empty" });
    await app.settle();
    await admin.tenants.delete("leaving");
    await expect(admin.tenants.get("leaving")).rejects.toMatchObject({ code: "tenant.not_found" });
    await expect(admin.tenants.delete("default")).rejects.toMatchObject({ code: "request.invalid" });
  });

  it("gives away its last place once, however many come at once", async ({ expect }) => {
    await admin.tenants.create(aTenant("narrow", { quota: { instances: 2 } }));
    const claw = app.as({ tenant: "narrow" });
    const results = await Promise.allSettled([1, 2, 3, 4, 5].map((index) => claw.instances.create(anEcho(`rush-${index}`))));
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(2);
    expect(await admin.tenants.quota("narrow")).toMatchObject({ used: { instances: 2, cpu: "0.2" } });
    const refused = results.find((result) => result.status === "rejected");
    expect(refused?.reason).toMatchObject({ code: "tenant.quota_exceeded", issues: [{ path: "quota.instances" }] });
  });
});

describe("a project", () => {
  it("is written on the version that was read, and on no other", async ({ expect }) => {
    await admin.tenants.create(aTenant("acme"));
    const { projects } = app.as({ tenant: "acme" });
    const first = await projects.create(aProject("moved"));
    await projects.replace("moved", aProject("moved", { displayName: "Two" }));
    const conflict = {
      code: "resource.version_conflict",
      message: "project 'moved' is at version 2, not 1; read it again and repeat your change",
    };
    const three = aProject("moved", { displayName: "Three" });
    await expect(projects.replace("moved", three, { ifMatch: "1" })).rejects.toMatchObject(conflict);
    await expect(projects.replace("moved", three, { ifMatch: "1", preview: true })).rejects.toMatchObject(conflict);
    await expect(projects.delete("moved", { ifMatch: "1" })).rejects.toMatchObject(conflict);
    const { resourceVersion } = first.metadata;
    await expect(projects.replace("moved", { ...three, metadata: { name: "moved", resourceVersion } })).rejects.toMatchObject(conflict);
    expect((await projects.get("moved")).spec.displayName).toBe("Two");
    await projects.delete("moved", { ifMatch: "2" });
    await expect(projects.delete("default")).rejects.toMatchObject({ code: "request.invalid" });
  });
});
