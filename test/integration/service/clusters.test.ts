import { afterAll, beforeAll, describe, it } from "vitest";
import { aClusterManifest, aKubeconfig } from "../../support/builders/cluster.ts";
import { answer, startServer } from "../../support/http-server.ts";
import { useCluster } from "../../support/kubernetes/use-cluster.ts";
import { eventually, startTestService, type TestService } from "../../support/service.ts";

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.stop());

/** The rules of clusters and of placement are in `test/integration/application/clusters`: this is what asking real ones adds. */
describe("a cluster", () => {
  it("that does not answer says why", async ({ expect }) => {
    const claw = service.claw();
    await claw.clusters.create(aClusterManifest("down"));
    const down = await eventually(
      () => claw.clusters.get("down"),
      ({ status }) => status.phase === "Unreachable",
    );
    expect(down.status.conditions).toMatchObject([{ type: "Reachable", status: "False", reason: "ConnectionRefused" }]);
  });

  it("that says it has more than there is offers what a number may be", async ({ expect }) => {
    const allocatable = { pods: "9".repeat(400), cpu: "9".repeat(400), memory: "9".repeat(400) };
    const node = { spec: {}, status: { allocatable, conditions: [{ type: "Ready", status: "True" }] } };
    await using boasting = await startServer((_, response) => answer(response, 200, { gitVersion: "v1.37.0", items: [node, node] }));
    const credentials = { source: "kubeconfig", kubeconfig: aKubeconfig(boasting.url) };
    const claw = service.claw();
    await claw.clusters.create(aClusterManifest("boasting", { credentials }));
    const { status } = await eventually(
      () => claw.clusters.get("boasting"),
      (cluster) => cluster.status.phase === "Ready",
    );
    expect(status.capacity).toEqual({ instances: 2 ** 51, cpu: String(2 ** 51), memory: `${2 ** 21}Gi` });
    await claw.clusters.delete("boasting");
  });
});

describe("a real cluster", () => {
  const { cluster } = useCluster();

  it("tells its version and what its nodes offer; wrong credentials are named as such", async ({ expect }) => {
    const claw = service.claw();
    const { kubeconfig } = cluster();
    await claw.clusters.create(aClusterManifest("real", { credentials: { source: "kubeconfig", kubeconfig } }));
    const real = await eventually(
      () => claw.clusters.get("real"),
      ({ status }) => status.phase === "Ready",
    );
    expect(real.status.version).toMatch(/^v1\./);
    expect(real.status.nodes).toBeGreaterThan(0);
    expect(Number(real.status.capacity.cpu)).toBeGreaterThan(0);
    const config = JSON.parse(kubeconfig);
    config.users[0].user = { token: "wrong" };
    const credentials = { source: "kubeconfig", kubeconfig: JSON.stringify(config) } as const;
    await claw.clusters.replace("real", aClusterManifest("real", { credentials }));
    const locked = await eventually(
      () => claw.clusters.get("real"),
      ({ status }) => status.phase === "Unreachable",
    );
    expect(locked.status.conditions).toMatchObject([{ reason: "Unauthorized" }]);
    config.users[0].user = JSON.parse(kubeconfig).users[0].user;
    delete config.clusters[0].cluster["certificate-authority-data"];
    const distrustful = { source: "kubeconfig", kubeconfig: JSON.stringify(config) } as const;
    await claw.clusters.replace("real", aClusterManifest("real", { credentials: distrustful }));
    await eventually(
      () => claw.clusters.get("real"),
      ({ status }) => status.conditions.some(({ reason }) => reason === "CertificateInvalid"),
    );
  });
});
