import { it } from "vitest";
import { evaluate, mockEngine } from "../support/mocked-program.ts";

// The example imports the components as its readers do: by the package's name.
it("declares a tenant's part of a cluster and a shared volume in it", async ({ expect }) => {
  await mockEngine({ tenant: "acme", target: { runtime: "process", rootDir: "/host", agentUrl: "" } });
  const { resources } = await evaluate(() => import("../../docs/examples/cluster-program/main.ts"));
  expect(resources.get("acme-namespace")?.inputs.metadata.name).toBe("claw-acme");
  expect([...resources.values()].filter(({ type }) => type.endsWith(":PersistentVolumeClaim"))).toMatchObject([
    { inputs: { metadata: { namespace: "claw-acme" }, spec: { accessModes: ["ReadWriteMany"] } } },
  ]);
});
