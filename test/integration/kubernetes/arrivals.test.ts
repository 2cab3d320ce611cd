import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "vitest";
import { processesIn } from "../../support/agent/harness.ts";
import { anEcho } from "../../support/builders/manifests.ts";
import { useFleets } from "../../support/kubernetes/fleet.ts";
import { eventually } from "../../support/service.ts";

const { aFleet } = useFleets();

/** The texts of all files in a folder. */
const textsIn = (folder: string) =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((file) =>
        file.isFile() ? [readFileSync(join(file.parentPath, file.name), "utf8")] : [],
      )
    : [];

describe.each([
  { first: "made", by: "folder", begun: (_run: string, folder: string) => existsSync(folder) },
  { first: "made", by: "agent", begun: (run: string) => existsSync(join(run, "process.json")) },
  { first: "configured", by: "files", begun: (_run: string, folder: string) => textsIn(folder).some((text) => text.includes("first: ")) },
])("an instance that was being $first on the host when the process was killed, as its $by showed", ({ first, by, begun }) => {
  it("arrives in the cluster that it is moved to then, and leaves nothing on the host", { timeout: 240_000 }, async ({ expect }) => {
    const cluster = `arrival-${first}-${by}`;
    const { claw, platform, host, running, api, path, namespace } = await aFleet(cluster, 1);
    const tenant = namespace.slice("claw-".length);
    const placed = (where: string, spec: object = {}) =>
      anEcho("web", { deletionPolicy: "delete", placement: { cluster: where }, ...spec });
    const { metadata } = await claw.instances.create(placed("local"));
    const [run, folder] = [join(host, "run", metadata.uid), join(host, "tenants", tenant, metadata.uid)];
    if (first === "configured") {
      await running("web");
      const overrides = [{ key: "reply.prefix", value: "first: " }];
      await claw.instances.replace("web", placed("local", { config: { overrides } }));
    }
    await eventually(async () => begun(run, folder), Boolean);
    spawnSync("pkill", ["-KILL", "-P", String(process.pid), "-f", "stack-worker"]);
    await claw.instances.replace("web", placed(cluster));

    const { status } = await eventually(
      () => claw.instances.get("web"),
      (web) =>
        web.status.cluster === cluster && web.status.phase === "Running" && web.status.observedGeneration === web.metadata.generation,
      180_000,
    );
    expect(status).toMatchObject({ readyReplicas: 1, pod: { name: "web-0" } });
    const { labels } = (await api.get(`${path("statefulsets", "apps/v1")}/web`)).metadata;
    expect(labels["clusterclaw.io/instance-uid"]).toBe(metadata.uid);

    expect([run, folder].filter((left) => existsSync(left))).toEqual([]);
    expect(processesIn(run)).toEqual([]);
    // An instance that never started has no port.
    expect(textsIn(join(host, "ports")).filter((claim) => claim.includes(metadata.uid))).toEqual([]);
    const { deployment } = await platform.stacks.export(tenant, {});
    expect(deployment.pending_operations ?? []).toEqual([]);
    expect((deployment.resources ?? []).filter(({ urn }) => urn.endsWith("::web") || urn.includes("::web-"))).toEqual([]);
  });
});
