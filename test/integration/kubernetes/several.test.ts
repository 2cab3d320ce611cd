import { describe, it } from "vitest";
import { anEcho } from "../../support/builders/manifests.ts";
import { useFleets } from "../../support/kubernetes/fleet.ts";
import { eventually } from "../../support/service.ts";

const { aFleet } = useFleets();

describe("several instances of a tenant on a cluster", () => {
  it("come one after another, change alone, and go alone", async ({ expect }) => {
    const { claw, running, api, path } = await aFleet("several", 3);
    const statefulSets = () => api.list(path("statefulsets", "apps/v1"));
    for (const name of ["one", "two", "three"]) {
      await claw.instances.create(anEcho(name));
      await running(name);
    }
    const before = await statefulSets();
    await claw.instances.replace("two", anEcho("two", { resources: { cpu: "200m", memory: "64Mi" } }));
    await running("two");
    const changed = (await statefulSets()).filter(({ metadata }) =>
      before.every((other) => other.metadata.name !== metadata.name || other.metadata.generation !== metadata.generation),
    );
    expect(changed.map(({ metadata }) => metadata.name)).toEqual(["two"]);
    await claw.instances.delete("one");
    await eventually(
      () => claw.instances.get("one").catch(() => undefined),
      (instance) => instance === undefined,
    );
    expect((await statefulSets()).map(({ metadata }) => metadata.name).sort()).toEqual(["three", "two"]);
  });
});
