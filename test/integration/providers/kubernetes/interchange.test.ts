import { describe } from "vitest";
import { changedBy, Kind, kubernetesSuite } from "../../../support/kubernetes/stack.ts";

describe("a stack that Pulumi's own provider made", () => {
  const onCluster = kubernetesSuite();

  onCluster("shows no change, and is updated without a conflict with its maker", async ({ stack, program, cluster, namespace, expect }) => {
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const settings = (data: Record<string, string>) =>
      program((options) => new Kind("kubernetes:core/v1:ConfigMap", "settings", { metadata: { name: "settings" }, data }, options), {
        enableConfigMapMutable: true,
      });
    await stack.up(settings({ mode: "quiet", colour: "red" }));
    // That provider makes objects by a plain create under this name, and applies only from the first update on.
    await cluster.api.delete(`${path}/settings`);
    const made = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings" }, data: { mode: "quiet", colour: "red" } };
    await cluster.api.create(`${path}?fieldManager=pulumi-kubernetes`, made);
    await stack.refresh();

    expect(changedBy(await stack.preview(settings({ mode: "quiet", colour: "red" })))).toEqual([]);
    expect((await stack.preview(settings({ mode: "loud" }))).ok).toBe(true);
    const updated = await stack.up(settings({ mode: "loud" }));
    expect(updated.ok, updated.message).toBe(true);
    const { data, metadata } = await cluster.api.get(`${path}/settings`);
    expect(data).toEqual({ mode: "loud" });
    expect(metadata.managedFields).toMatchObject([
      { manager: expect.stringMatching(/^pulumi-kubernetes-[0-9a-f]{8}$/), operation: "Apply" },
    ]);
  });
});
