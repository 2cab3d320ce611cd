import { describe, it } from "vitest";
import type { ClawInstance } from "../../../sdk/contract/index.ts";
import { anEcho } from "../../support/builders/manifests.ts";
import { useFleets } from "../../support/kubernetes/fleet.ts";
import { eventually } from "../../support/service.ts";

const { aFleet } = useFleets();

describe("the policy to adopt what somebody changes", () => {
  it("takes into the specification what has a place there, and says of the rest why not", { timeout: 480_000 }, async ({ expect }) => {
    const { api, claw, path, running } = await aFleet("adopted", 1);
    const web = anEcho("web", { drift: "adopt", config: { overrides: [{ key: "reply.prefix", value: "hello" }] } });
    await claw.instances.create(web);
    await running("web");
    const until = (passes: (instance: ClawInstance) => boolean) => eventually(() => claw.instances.get("web"), passes, 60_000);
    const isSettled = ({ metadata, status }: ClawInstance) => status.observedGeneration === metadata.generation;
    /** What a preview of the instance as it is now would change of its resources. */
    const changes = async () => {
      const { status: _, ...manifest } = await claw.instances.get("web");
      const { items } = await claw.previews.create({ manifests: [manifest] });
      return items[0]?.resources.filter(({ op }) => op !== "same").map(({ type, op }) => [type, op]);
    };
    const statefulSet = `${path("statefulsets", "apps/v1")}/web`;

    await api.merge(`${statefulSet}/scale`, { spec: { replicas: 0 } }, "kubectl-scale");
    const stopped = await until((instance) => instance.status.phase === "Stopped" && isSettled(instance));
    expect(stopped.spec.running).toBe(false);
    expect(stopped.metadata.generation).toBe(2);
    expect(stopped.status.drift).toBeUndefined();
    expect(await changes()).toEqual([]);
    await api.merge(`${statefulSet}/scale`, { spec: { replicas: 1 } }, "kubectl-scale");
    const again = await until((instance) => instance.spec.running && instance.status.phase === "Running" && isSettled(instance));
    expect(again.spec).toEqual({ ...stopped.spec, running: true });
    const events = (await claw.instances.events("web")).items;
    const adopted = { reason: "DriftAdopted", message: "spec.running is now as somebody made it" };
    // Of a scale to zero the server does not say who did it.
    expect(events.filter(({ reason }) => reason === "DriftAdopted")).toMatchObject([
      { ...adopted, actor: "drift:kubectl-scale" },
      { ...adopted, actor: "drift:unknown" },
    ]);

    const resources = { cpu: "150m", memory: "96Mi" };
    const container = { name: "claw", resources: { requests: resources, limits: resources } };
    await api.strategicMerge(statefulSet, { spec: { template: { spec: { containers: [container] } } } }, "kubectl-set");
    const resized = await until(({ spec, ...instance }) => spec.resources.cpu === "150m" && isSettled({ spec, ...instance }));
    expect(resized.spec.resources).toEqual(resources);
    expect(resized.status.drift).toBeUndefined();
    expect(await changes()).toEqual([]);
    expect((await api.get(statefulSet)).spec.template.spec.containers[0].resources).toEqual({ requests: resources, limits: resources });

    await api.merge(`${path("services")}/web`, { metadata: { labels: { "clusterclaw.io/project": "stolen" } } }, "kubectl-edit");
    const left = await until(({ status }) => status.drift?.[0]?.notAdopted !== undefined);
    expect(left.status.drift).toMatchObject([
      {
        manager: "kubectl-edit",
        notAdopted: 'metadata.labels["clusterclaw.io/project"]: an instance\'s specification has no place for it',
      },
    ]);
    expect(left.metadata.generation).toBe(resized.metadata.generation);
    await api.merge(`${statefulSet}/scale`, { spec: { replicas: 3 } }, "kubectl-scale");
    const scaled = await until(({ status }) => status.drift?.some(({ notAdopted }) => notAdopted?.startsWith("spec.replicas")) ?? false);
    expect(scaled.status.conditions.find(({ type }) => type === "Drifted")?.message).toMatch(
      /not adopted: spec\.replicas: an instance is one pod/,
    );
  });
});
