import { describe, it } from "vitest";
import { anEcho } from "../../support/builders/manifests.ts";
import { useFleets } from "../../support/kubernetes/fleet.ts";
import { eventually } from "../../support/service.ts";

const { aFleet } = useFleets({ CLAW_REFRESH_SECONDS: "1" });

describe("what somebody does to a cluster while no control plane runs", () => {
  it("is found when it is back: what was deleted, taken away and edited; and repaired where the policy says so", {
    timeout: 360_000,
  }, async ({ expect }) => {
    const { api, claw, path, running, unwatched } = await aFleet("unwatched", 1);
    await claw.instances.create(anEcho("web"));
    await running("web");
    const budgets = path("poddisruptionbudgets", "policy/v1");
    await unwatched(async () => {
      await api.delete(`${budgets}/web`);
      await api.merge(`${path("statefulsets", "apps/v1")}/web/scale`, { spec: { replicas: 0 } }, "kubectl-scale");
      // Nobody owns what was taken away, nor a number of zero.
      await api.merge(`${path("services")}/web`, { metadata: { labels: { "clusterclaw.io/project": null } } }, "kubectl-edit");
    });
    const { status } = await eventually(
      () => claw.instances.get("web"),
      ({ status: { drift } }) => drift?.length === 3,
      60_000,
    );
    const found = status.drift?.map(({ resource, op, manager, diffs }) => ({
      kind: resource.split(/[/ ]/).at(-3),
      op,
      manager,
      paths: diffs.map((diff) => diff.path),
    }));
    expect(found?.sort((a, b) => String(a.kind).localeCompare(String(b.kind)))).toEqual([
      { kind: "PodDisruptionBudget", op: "deleted", manager: undefined, paths: [] },
      { kind: "Service", op: "changed", manager: undefined, paths: ['metadata.labels["clusterclaw.io/project"]'] },
      { kind: "StatefulSet", op: "changed", manager: undefined, paths: ["spec.replicas"] },
    ]);
    expect(await api.get(`${budgets}/web`)).toBeUndefined();

    await claw.instances.replace("web", anEcho("web", { drift: "repair" }));
    await eventually(
      () => running("web"),
      (instance) => instance.status.drift === undefined,
      60_000,
    );
    await unwatched(() => api.delete(`${budgets}/web`));
    await eventually(
      () => api.get(`${budgets}/web`),
      (budget) => budget !== undefined,
      60_000,
    );
  });
});
