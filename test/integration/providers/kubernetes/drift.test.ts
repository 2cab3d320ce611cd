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

  onCluster(
    "stays theirs where the program ignores it, when other things are updated",
    async ({ stack, program, cluster, namespace, expect }) => {
      const path = `/apis/apps/v1/namespaces/${namespace}/deployments/web`;
      const ignoreChanges = ["spec.replicas", "spec.template.spec.containers[*].image"];
      const web = (note: string) =>
        program((options) => {
          const env = [{ name: "NOTE", value: note }];
          return new Kind(DEPLOYMENT, "web", aDeployment({ replicas: 1 }, { env }), { ...options, ignoreChanges });
        });
      await stack.up(web("one"));
      // What an autoscaler does, and `kubectl set image`.
      await cluster.api.merge(`${path}/scale`, { spec: { replicas: 3 } }, "kube-controller-manager");
      const image = (name: string) => ({ spec: { template: { spec: { containers: [{ name: "main", image: name }] } } } });
      await cluster.api.strategicMerge(path, image("example.com/web:2"), "kubectl-set");
      const seen = async () => {
        const { replicas, template } = (await cluster.api.get(path)).spec;
        return [replicas, template.spec.containers[0].image, template.spec.containers[0].env[0].value];
      };

      const preview = await stack.preview(web("two"));
      expect(preview.ok, preview.message).toBe(true);
      const change = preview.events.find(({ resourcePreEvent }) => resourcePreEvent?.metadata.op === "update")?.resourcePreEvent;
      expect(Object.keys(change?.metadata.detailedDiff ?? {})).toEqual(["spec.template.spec.containers[0].env[0].value"]);
      const updated = await stack.up(web("two"));
      expect(updated.ok, updated.message).toBe(true);
      expect(await seen()).toEqual([3, "example.com/web:2", "two"]);

      // Neither does the program own them now: the next of theirs is no conflict with it.
      const theirs = { apiVersion: "apps/v1", kind: "Deployment", ...image("example.com/web:3") };
      await cluster.api.apply(path, theirs, "kubectl-set-by-apply", true);
      await cluster.api.apply(path, { ...theirs, ...image("example.com/web:4") }, "kubectl-set-by-apply");
      const refreshing = await stack.up(web("three"), { refresh: true });
      expect(refreshing.ok, refreshing.message).toBe(true);
      expect(await seen()).toEqual([3, "example.com/web:4", "three"]);
      expect(changedBy(await stack.up(web("three"), { refresh: true }))).toEqual([]);
    },
  );

  onCluster("is left alone in annotations that the program ignores", async ({ stack, program, cluster, namespace, expect }) => {
    const path = `/api/v1/namespaces/${namespace}/configmaps/settings`;
    const settings = (mode: string, ...ignoreChanges: string[]) =>
      program(
        (options) => {
          const metadata = { name: "settings", annotations: { "example.com/owner": "us", "example.com/tier": "1" } };
          return new Kind("kubernetes:core/v1:ConfigMap", "settings", { metadata, data: { mode } }, { ...options, ignoreChanges });
        },
        { enableConfigMapMutable: true },
      );
    const paths = ['metadata.annotations["example.com/tier"]', 'metadata.annotations["example.com/added"]'];
    await stack.up(settings("quiet", ...paths));
    await cluster.api.merge(path, { metadata: { annotations: { "example.com/tier": "2", "example.com/added": "theirs" } } });
    const annotations = async () => (await cluster.api.get(path)).metadata.annotations;
    const left = { "example.com/owner": "us", "example.com/tier": "2", "example.com/added": "theirs" };

    const updated = await stack.up(settings("loud", ...paths));
    expect(updated.ok, updated.message).toBe(true);
    expect(await annotations()).toEqual(left);
    expect(changedBy(await stack.up(settings("loud", ...paths), { refresh: true }))).toEqual([]);
    const wholly = await stack.up(settings("louder", "metadata.annotations"), { refresh: true });
    expect(wholly.ok, wholly.message).toBe(true);
    expect(await annotations()).toEqual(left);
    expect((await cluster.api.get(path)).data).toEqual({ mode: "louder" });
  });

  onCluster("is put right by an update that refreshes, in lists and where keys were taken out", async (context) => {
    const { stack, program, cluster, namespace, expect } = context;
    const deployment = `/apis/apps/v1/namespaces/${namespace}/deployments/web`;
    const role = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles/reader`;
    const settings = `/api/v1/namespaces/${namespace}/configmaps/settings`;
    const rule = (resource: string) => ({ apiGroups: [""], resources: [resource], verbs: ["get"] });
    const env = ["A", "B", "C"].map((name) => ({ name, value: name }));
    const metadata = { labels: { one: "1", two: "2" } };
    const all = program(
      (options) => {
        new Kind(DEPLOYMENT, "web", aDeployment({}, { env, args: ["--a", "--b"] }), options);
        new Kind(
          "kubernetes:rbac.authorization.k8s.io/v1:Role",
          "reader",
          { metadata: { name: "reader" }, rules: [rule("pods"), rule("secrets")] },
          options,
        );
        new Kind(
          "kubernetes:core/v1:ConfigMap",
          "settings",
          { metadata: { name: "settings", ...metadata }, data: { a: "1", b: "2" } },
          options,
        );
      },
      { enablePatchForce: true, enableConfigMapMutable: true },
    );
    const made = await stack.up(all);
    expect(made.ok, made.message).toBe(true);
    const container = async () => (await cluster.api.get(deployment)).spec.template.spec.containers[0];
    const edit = (patch: object) =>
      cluster.api.strategicMerge(deployment, { spec: { template: { spec: { containers: [{ name: "main", ...patch }] } } } });
    const repair = () => stack.up(all, { refresh: true });

    // An item of a list that is merged goes; one comes that nobody declared; keys go, and a whole map of them.
    await edit({
      env: [
        { name: "A", $patch: "delete" },
        { name: "X", value: "theirs" },
      ],
    });
    await cluster.api.merge(settings, { data: { a: null }, metadata: { labels: null } });
    // A list that is one value is longer, then shorter.
    await cluster.api.merge(role, { rules: [rule("pods"), rule("secrets"), rule("nodes")] });
    const repaired = await repair();
    expect(repaired.ok, repaired.message).toBe(true);
    const named = (await container()).env as { name: string; value: string }[];
    expect(named.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([...env, { name: "X", value: "theirs" }]);
    expect((await cluster.api.get(settings)).data).toEqual({ a: "1", b: "2" });
    expect((await cluster.api.get(settings)).metadata.labels).toEqual({ one: "1", two: "2" });
    expect((await cluster.api.get(role)).rules).toEqual([rule("pods"), rule("secrets")]);

    await edit({ args: ["--b"] });
    await cluster.api.merge(role, { rules: [rule("secrets")] });
    const again = await repair();
    expect(again.ok, again.message).toBe(true);
    expect((await container()).args).toEqual(["--a", "--b"]);
    expect((await cluster.api.get(role)).rules).toEqual([rule("pods"), rule("secrets")]);
    expect(changedBy(await repair())).toEqual([]);
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
