import { describe } from "vitest";
import { until } from "../../../support/agent/harness.ts";
import { changedBy, Kind, kubernetesSuite } from "../../../support/kubernetes/stack.ts";
import { aDeployment } from "../../../support/kubernetes/workloads.ts";

const DEPLOYMENT = "kubernetes:apps/v1:Deployment";

describe("what others change in a cluster", () => {
  const onCluster = kubernetesSuite();

  onCluster("is found by a refresh, shown, and put right by the next update", async ({ stack, program, cluster, namespace, expect }) => {
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments/web`;
    const web = program((options) => new Kind(DEPLOYMENT, "web", aDeployment({ replicas: 2 }), options), { enablePatchForce: true });
    await stack.up(web);
    await cluster.api.merge(path, { spec: { replicas: 5 }, metadata: { labels: { note: "mine" } } });

    const refreshed = await stack.refresh();
    expect(refreshed.changes).toMatchObject({ update: 1 });
    const seen = refreshed.events.find(({ resOutputsEvent }) => resOutputsEvent?.metadata.type === DEPLOYMENT)?.resOutputsEvent;
    expect(Object.keys(seen?.metadata.detailedDiff ?? {})).toEqual(["spec.replicas"]);

    expect(changedBy(await stack.up(web))).toEqual(["update web"]);
    const { spec, metadata } = await cluster.api.get(path);
    expect(spec.replicas).toBe(2);
    // Nobody declared the label, so it is left to whom it belongs.
    expect(metadata.labels).toEqual({ note: "mine" });
  });

  onCluster(
    "stays theirs: the conflict names them and the field, until it is forced",
    async ({ stack, program, cluster, namespace, expect }) => {
      const path = `/apis/apps/v1/namespaces/${namespace}/deployments/web`;
      const web = (replicas: number, annotations = {}) =>
        program(
          (options) => new Kind(DEPLOYMENT, "web", { ...aDeployment({ replicas }), metadata: { name: "web", annotations } }, options),
        );
      await stack.up(web(1));
      await cluster.api.merge(path, { spec: { replicas: 5 } }, "kubectl-scale");
      for (const refused of [await stack.preview(web(3)), await stack.up(web(3))]) {
        expect(refused.ok).toBe(false);
        expect(refused.message).toMatch(
          /field conflict detected.*pulumi-kubernetes-[0-9a-f]{8}.*spec\.replicas: is owned by "kubectl-scale"/s,
        );
      }
      expect((await cluster.api.get(path)).spec.replicas).toBe(5);
      const forced = await stack.up(web(3, { "pulumi.com/patchForce": "true" }));
      expect(forced.ok, forced.message).toBe(true);
      expect((await cluster.api.get(path)).spec.replicas).toBe(3);
    },
  );

  onCluster("is found when they deleted it, which makes it again", async ({ stack, program, cluster, namespace, expect }) => {
    const path = `/api/v1/namespaces/${namespace}/configmaps/settings`;
    const settings = program(
      (options) => new Kind("kubernetes:core/v1:ConfigMap", "settings", { metadata: { name: "settings" } }, options),
    );
    await stack.up(settings);
    await cluster.api.delete(path);
    expect((await stack.refresh()).changes).toMatchObject({ delete: 1 });
    expect(changedBy(await stack.up(settings))).toEqual(["create settings"]);
    await cluster.api.delete(path);
    expect((await stack.destroy()).ok).toBe(true);
  });

  onCluster("is not taken over unawares, but by import or when it is asked for", async ({ stack, program, cluster, namespace, expect }) => {
    const settings = { metadata: { name: "settings", namespace }, data: { mode: "quiet" } };
    await cluster.api.create(`/api/v1/namespaces/${namespace}/configmaps`, { apiVersion: "v1", kind: "ConfigMap", ...settings });
    const declare = (extra = {}) =>
      program((options) => new Kind("kubernetes:core/v1:ConfigMap", "settings", settings, { ...options, ...extra }));
    const refused = await stack.up(declare());
    expect(refused.ok).toBe(false);
    expect(refused.message).toContain(`ConfigMap ${namespace}/settings already exists`);

    const imported = await stack.up(declare({ import: `${namespace}/settings` }));
    expect(imported.ok, imported.message).toBe(true);
    expect(changedBy(imported)).toEqual(["import settings"]);
    expect(changedBy(await stack.up(declare()))).toEqual([]);
    const upserting = program((options) => new Kind("kubernetes:core/v1:ConfigMap", "again", settings, options), {
      upsertExistingObjects: true,
    });
    const other = await stack.another("other");
    expect((await other.up(upserting)).ok).toBe(true);
  });

  onCluster("is left alone where the program ignores it", async ({ stack, program, cluster, namespace, expect }) => {
    const web = (replicas: number) =>
      program((options) => new Kind(DEPLOYMENT, "web", aDeployment({ replicas }), { ...options, ignoreChanges: ["spec.replicas"] }));
    await stack.up(web(1));
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments/web`;
    await cluster.api.merge(path, { spec: { replicas: 2 } });
    await until(async () => (await cluster.api.get(path)).status.availableReplicas === 2, "both replicas are available");
    await stack.refresh();
    expect(changedBy(await stack.up(web(1)))).toEqual([]);
  });

  onCluster("can be some fields of an object of theirs: a patch resource gives back only its own", async (context) => {
    const { stack, program, cluster, namespace, expect } = context;
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    await cluster.api.create(path, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "theirs" }, data: { theirs: "1" } });
    const object = { kind: "ConfigMap", metadata: { name: "theirs" }, data: { ours: "2" } };
    const patch = program((options) => new Kind("kubernetes:core/v1:ConfigMapPatch", "patch", object, options));
    const made = await stack.up(patch);
    expect(made.ok, made.message).toBe(true);
    expect((await cluster.api.get(`${path}/theirs`)).data).toEqual({ theirs: "1", ours: "2" });
    expect((await stack.destroy()).ok).toBe(true);
    expect((await cluster.api.get(`${path}/theirs`)).data).toEqual({ theirs: "1" });
  });
});
