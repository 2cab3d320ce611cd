import { ConfigMap } from "@pulumi/kubernetes/core/v1/configMap.js";
import { Namespace } from "@pulumi/kubernetes/core/v1/namespace.js";
import { describe } from "vitest";
import { changedBy, kubernetesSuite } from "../../../support/kubernetes/stack.ts";

describe("resources of a Kubernetes cluster", () => {
  const onCluster = kubernetesSuite();

  onCluster("are made, left alone, updated and deleted", async ({ stack, program, cluster, namespace, expect }) => {
    const path = `/api/v1/namespaces/${namespace}/configmaps/settings`;
    const settings = (data: Record<string, string>) =>
      program((options) => new ConfigMap("settings", { metadata: { name: "settings" }, data }, options), { enableConfigMapMutable: true });

    expect((await stack.preview(settings({ mode: "quiet" }))).steps).toEqual(["create cluster", "create settings"]);
    expect(await cluster.api.get(path)).toBeUndefined();

    const made = await stack.up(settings({ mode: "quiet" }));
    expect(made.ok, made.message).toBe(true);
    expect(await cluster.api.get(path)).toMatchObject({ data: { mode: "quiet" } });
    expect(await stack.resource("settings")).toMatchObject({
      id: `${namespace}/settings`,
      type: "kubernetes:core/v1:ConfigMap",
      inputs: { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings", namespace }, data: { mode: "quiet" } },
      outputs: {
        __initialApiVersion: "v1",
        __fieldManager: expect.stringMatching(/^pulumi-kubernetes-[0-9a-f]{8}$/),
        data: { mode: "quiet" },
      },
    });

    expect((await stack.up()).changes).toEqual({ same: 3 });
    expect((await stack.up(settings({ mode: "loud" }))).changes).toEqual({ same: 2, update: 1 });
    expect(await cluster.api.get(path)).toMatchObject({ data: { mode: "loud" } });

    expect((await stack.destroy()).ok).toBe(true);
    expect(await cluster.api.get(path)).toBeUndefined();
  });

  onCluster("get a name when the program gives none, and keep it", async ({ stack, program, cluster, namespace, expect }) => {
    const settings = (mode: string) =>
      program((options) => new ConfigMap("settings", { data: { mode } }, options), { enableConfigMapMutable: true });
    await stack.up(settings("quiet"));
    const { id } = (await stack.resource("settings")) ?? {};
    expect(id).toMatch(new RegExp(`^${namespace}/settings-[0-9a-f]{8}$`));
    await stack.up(settings("loud"));
    expect((await stack.resource("settings"))?.id).toBe(id);
    const all = await cluster.api.list(`/api/v1/namespaces/${namespace}/configmaps`);
    // Every namespace gets one from Kubernetes, in its own time.
    expect(all.map(({ metadata }) => metadata.name).filter((name) => name !== "kube-root-ca.crt")).toEqual([id?.split("/")[1]]);
  });

  onCluster("get the name that the stack's config says", async ({ stack, program, namespace, expect }) => {
    const settings = program((options) => new ConfigMap("settings", { data: { mode: "quiet" } }, options));
    const providers = "pulumi:autonaming.providers.kubernetes";
    await stack.api.setConfig(`${providers}.mode`, { value: "disabled" }, true);
    expect((await stack.up(settings)).message).toContain("metadata.name");
    await stack.api.setConfig(`${providers}.resources["kubernetes:core/v1:ConfigMap"].pattern`, { value: "${stack}-${name}" }, true);
    const made = await stack.up(settings);
    expect(made.ok, made.message).toBe(true);
    expect((await stack.resource("settings"))?.id).toBe(`${namespace}/${stack.name}-settings`);
  });

  onCluster("replace a config map whose data changes, so that pods see it", async ({ stack, program, expect }) => {
    const settings = (mode: string) => program((options) => new ConfigMap("settings", { data: { mode } }, options));
    await stack.up(settings("quiet"));
    const { id } = (await stack.resource("settings")) ?? {};
    const replaced = await stack.up(settings("loud"));
    expect(changedBy(replaced)).toEqual(["create-replacement settings", "replace settings", "delete-replaced settings"]);
    expect((await stack.resource("settings"))?.id).not.toBe(id);
  });

  onCluster("can be in another namespace, made beside them", async ({ stack, program, cluster, namespace, expect }) => {
    const name = `${namespace}-other`;
    const both = program((options) => {
      new Namespace("other", { metadata: { name } }, options);
      new ConfigMap("settings", { metadata: { name: "settings", namespace: name } }, options);
    });
    expect((await stack.preview(both)).ok).toBe(true);
    const made = await stack.up(both);
    expect(made.ok, made.message).toBe(true);
    expect(await cluster.api.get(`/api/v1/namespaces/${name}/configmaps/settings`)).toBeDefined();
    expect((await stack.destroy()).ok).toBe(true);
    expect(await cluster.api.get(`/api/v1/namespaces/${name}`)).toBeUndefined();
  });
});
