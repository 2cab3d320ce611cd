import { describe, it } from "vitest";
import { anApplication } from "../../../support/application.ts";
import { aClusterManifest } from "../../../support/builders/cluster.ts";
import { anEcho, aTenant } from "../../../support/builders/manifests.ts";

const app = await anApplication();
const admin = app.admin();

describe("the control plane's own host", () => {
  it("is for tenants as long as there is no cluster, and for those that are let onto it then", async ({ expect }) => {
    await admin.tenants.create(aTenant("acme"));
    await admin.tenants.create(aTenant("trusted", { allowLocal: true }));
    const acme = app.as({ tenant: "acme" });
    await acme.instances.create(anEcho("old"));
    await admin.clusters.create(aClusterManifest("east"));
    await app.answers("east");

    const said = { code: "auth.forbidden", message: expect.stringMatching(/may not be placed on 'local'.*--cluster.*spec.allowLocal/) };
    await expect(acme.instances.create(anEcho("new"))).rejects.toMatchObject(said);
    await expect(acme.instances.create(anEcho("new", { placement: { cluster: "local" } }))).rejects.toMatchObject(said);
    await expect(acme.previews.create({ manifests: [anEcho("new")] })).rejects.toMatchObject(said);
    await acme.instances.create(anEcho("remote", { placement: { cluster: "east" } }));
    await expect(acme.instances.replace("remote", anEcho("remote", { placement: { cluster: "local" } }))).rejects.toMatchObject(said);
    // What is there goes on, and is changed as before.
    await acme.instances.replace("old", anEcho("old", { replicas: 2 }));
    await acme.instances.stop("old");
    await acme.instances.start("old");

    await app.as({ tenant: "trusted" }).instances.create(anEcho("new"));
    await app.admin("acme").instances.create(anEcho("by-admin"));
  });
});
