import { describe, it } from "vitest";
import { anEcho, aTenant } from "../../support/builders/manifests.ts";
import { type Fleet, useFleets } from "../../support/kubernetes/fleet.ts";
import { eventually } from "../../support/service.ts";

const { aFleet } = useFleets();

const NETWORK_POLICY = "networking.k8s.io/v1";

/** The cluster as it is, with other ranges that claws may reach. */
async function withEgress({ claw }: Fleet, cluster: string, allowedEgress: string[]) {
  const { apiVersion, kind, spec } = await claw.clusters.get(cluster);
  const networkPolicy = { ...spec.networkPolicy, allowedEgress };
  return { apiVersion, kind, metadata: { name: cluster }, spec: { ...spec, networkPolicy } };
}

describe("what a tenant's instances share in a cluster", () => {
  it("is previewed with the first of them and with a change of the cluster, and made with both", async ({ expect }) => {
    const fleet = await aFleet("shares", 2);
    const { claw, running, api, path, namespace } = fleet;
    const tenant = namespace.replace("claw-", "");
    const first = await claw.previews.create({ manifests: [anEcho("web")] });
    expect(first.boundaries).toMatchObject([{ tenant, cluster: "shares" }]);
    const made = first.boundaries[0]?.resources ?? [];
    expect(made.every(({ op }) => op === "create")).toBe(true);
    expect(made.map(({ type }) => type)).toEqual(
      expect.arrayContaining(
        ["Namespace", "ResourceQuota", "NetworkPolicy", "RoleBinding"].map((kind) => expect.stringMatching(`:${kind}$`)),
      ),
    );
    await claw.previews.apply(first.planId ?? "");
    await running("web");

    const opened = await claw.previews.create({ manifests: [await withEgress(fleet, "shares", ["192.0.2.0/24"])] });
    const changes = opened.boundaries[0]?.resources.filter(({ op }) => op !== "same");
    expect(changes).toMatchObject([{ type: "kubernetes:networking.k8s.io/v1:NetworkPolicy", op: "update" }]);
    await claw.previews.apply(opened.planId ?? "");
    await eventually(
      () => api.get(`${path("networkpolicies", NETWORK_POLICY)}/allow-egress`),
      (policy) => JSON.stringify(policy.spec).includes("192.0.2.0/24"),
    );
  });

  it("follows the tenant's quota by itself, as its preview shows", async ({ expect }) => {
    const { claw, running, api, path, namespace } = await aFleet("quota", 2);
    const tenant = namespace.replace("claw-", "");
    await claw.instances.create(anEcho("web"));
    await running("web");
    const podId = async () => (await api.get(`${path("pods")}/web-0`)).metadata.uid;
    const uid = await podId();
    const enforced = async () => (await api.get(`${path("resourcequotas")}/tenant`)).spec.hard["count/statefulsets.apps"];
    expect(await enforced()).toBeUndefined();

    const preview = await claw.tenants.setQuota(tenant, { instances: 33 }, { preview: true });
    expect(preview.items).toMatchObject([{ kind: "Tenant", op: "update", problems: [] }]);
    expect(preview.boundaries).toMatchObject([{ tenant, cluster: "quota" }]);
    const changes = preview.boundaries[0]?.resources.filter(({ op }) => op !== "same");
    expect(changes).toMatchObject([{ type: "kubernetes:core/v1:ResourceQuota", op: "update", diffs: [{ kind: "add", after: '"33"' }] }]);
    await claw.previews.apply(preview.planId ?? "");
    await eventually(enforced, (count) => count === "33");
    await claw.tenants.setQuota(tenant, { instances: 34 });
    await eventually(enforced, (count) => count === "34");
    await running("web");
    expect(await podId()).toBe(uid);
  });

  it("outlives the last instance and the tenant, serves a tenant of that name, and is made anew once its namespace was deleted", async ({
    expect,
  }) => {
    const { claw, running, api, path, namespace } = await aFleet("outlives", 3);
    const tenant = namespace.replace("claw-", "");
    const destroyed = async () => {
      await claw.instances.delete("web");
      await eventually(
        () => claw.instances.get("web").catch(() => undefined),
        (instance) => instance === undefined,
      );
    };
    await claw.instances.create(anEcho("web"));
    await running("web");
    await destroyed();
    await claw.tenants.delete(tenant);
    const labels = { "app.kubernetes.io/managed-by": "clusterclaw", "clusterclaw.io/tenant": tenant };
    expect(await api.get(`/api/v1/namespaces/${namespace}`)).toMatchObject({ metadata: { labels } });
    expect(await api.list(path("persistentvolumeclaims"))).toHaveLength(2);

    await claw.tenants.create(aTenant(tenant, { placement: { cluster: "outlives" } }));
    await claw.instances.create(anEcho("web"));
    await running("web");
    await destroyed();
    await api.delete(`/api/v1/namespaces/${namespace}`);
    await eventually(
      () => api.get(`/api/v1/namespaces/${namespace}`),
      (found) => found === undefined,
    );
    await claw.instances.create(anEcho("web"));
    await running("web");
  });
});
