import { describe, it } from "vitest";
import { anEcho, aTemplate } from "../../support/builders/manifests.ts";
import { useFleets } from "../../support/kubernetes/fleet.ts";
import { eventually } from "../../support/service.ts";

const { aFleet } = useFleets({ CLAW_SWEEP_SECONDS: "4" });

describe("an instance on a cluster", () => {
  it("is set up by its stack, Running by its pod, stopped, started and gone", async ({ expect }) => {
    const { claw: tenant, running, api, path } = await aFleet("one", 1);
    const preview = await tenant.previews.create({ manifests: [anEcho("web")] });
    expect(preview.items[0]?.placement).toEqual({ cluster: "one", reason: "asked for by name" });
    expect(preview.items[0]?.resources.map(({ type }) => type)).toContain("kubernetes:apps/v1:StatefulSet");
    expect(JSON.stringify(preview)).not.toContain("current-context");
    await tenant.previews.apply(preview.planId ?? "");
    const web = await running("web");
    expect(web.status).toMatchObject({ cluster: "one", readyReplicas: 1, pod: { name: "web-0" } });

    await tenant.instances.stop("web");
    await eventually(
      () => tenant.instances.get("web"),
      ({ status }) => status.phase === "Stopped",
    );
    expect((await api.get(`${path("statefulsets", "apps/v1")}/web`)).spec.replicas).toBe(0);
    await tenant.instances.start("web");
    await running("web");

    await tenant.instances.delete("web");
    await eventually(
      () => tenant.instances.get("web").catch(() => undefined),
      (instance) => instance === undefined,
    );
    expect(await api.get(`${path("statefulsets", "apps/v1")}/web`)).toBeUndefined();
    // Its data is kept, as `deletionPolicy` says.
    expect(await api.list(path("persistentvolumeclaims"))).toHaveLength(2);
  });

  it("is gone with its volumes when that is asked for, though it can't be set up any more", async ({ expect }) => {
    const { claw: tenant, running, api, path } = await aFleet("purge", 1);
    await tenant.configs.create(aTemplate("base"));
    await tenant.configs.publish("base", {});
    await tenant.instances.create(anEcho("web", { config: { template: "base", overrides: [{ key: "reply.prefix", value: null }] } }));
    await running("web");
    // What would break it is refused; what it has to wait for is not.
    const key = { name: "environment.API_KEY", type: "string", required: true, secret: true };
    await tenant.configs.replace("base", aTemplate("base", { variables: [key] }));
    await tenant.configs.publish("base", {});
    await eventually(
      () => tenant.instances.get("web"),
      ({ status }) => status.conditions.some(({ reason }) => reason === "ConfigInvalid"),
    );
    await tenant.instances.delete("web", { purgeData: true });
    await eventually(
      () => tenant.instances.get("web").catch(() => undefined),
      (instance) => instance === undefined,
    );
    expect(await api.list(path("persistentvolumeclaims"))).toEqual([]);
  });

  it("gives its logs, a terminal and its end through the API of its cluster", async ({ expect }) => {
    const { claw: tenant, running, api, path } = await aFleet("talk", 1);
    await tenant.instances.create(anEcho("web"));
    await running("web");
    expect((await tenant.instances.logs("web", { tailLines: 10 })).lines).toEqual(["the claw starts", "the claw is ready"]);

    const terminal = await tenant.instances.terminal("web", { cols: 80, rows: 24 });
    let text = "";
    const reading = (async () => {
      for await (const data of terminal) {
        text += Buffer.from(data).toString();
        if (text.includes("sum: 42")) {
          break;
        }
      }
    })();
    terminal.send(Buffer.from("echo sum: $((6 * 7))\n"));
    await reading;
    terminal.close();
    expect(text).toContain("sum: 42");

    const { uid } = (await api.get(`${path("pods")}/web-0`)).metadata;
    await tenant.instances.kill("web");
    await eventually(
      () => api.get(`${path("pods")}/web-0`),
      (pod) => pod?.metadata.uid !== uid,
    );
    await eventually(
      () => tenant.instances.get("web"),
      ({ status, spec }) => status.phase === "Stopped" && !spec.running,
    );
  });
});

describe("objects in a cluster whose instance nobody knows", () => {
  it("are told of and ended after a grace; not what holds data, what a stack knows, or what another control plane made", async ({
    expect,
  }) => {
    const { claw: tenant, running, api, path, namespace } = await aFleet("sweep", 1);
    await tenant.instances.create(anEcho("web"));
    await running("web");
    const web = await api.get(`${path("statefulsets", "apps/v1")}/web`);
    const boot = await api.get(`${path("secrets")}/web-boot`);
    const mark = "clusterclaw.io/control-plane";
    expect(web.metadata.labels[mark]).toMatch(/^ten_/);
    expect((await api.get(`${path("pods")}/web-0`)).metadata.labels[mark]).toBeUndefined();

    const lost = { ...web.metadata.labels, "clusterclaw.io/instance-uid": "ins_lost" };
    const { [mark]: _unmarked, ...before } = lost;
    const secret = (name: string, labels: object) =>
      api.create(path("secrets"), { apiVersion: "v1", kind: "Secret", metadata: { name, labels } });
    await secret("lost", lost);
    await secret("theirs", { ...lost, [mark]: "ten_another" });
    await secret("of-before", before);
    await api.create(path("statefulsets", "apps/v1"), {
      ...web,
      metadata: { name: "lost", labels: lost },
      spec: { ...web.spec, replicas: 0 },
    });
    await api.create(path("persistentvolumeclaims"), {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "lost", labels: lost },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } } },
    });
    // Whoever it lets in is let in: Kubernetes adds network policies up.
    await api.create(path("networkpolicies", "networking.k8s.io/v1"), {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "open" },
      spec: { podSelector: {}, ingress: [{}] },
    });
    // Its stack has it, whatever its label says.
    await api.merge(`${path("secrets")}/web-boot`, { metadata: { labels: { "clusterclaw.io/instance-uid": "ins_lost" } } });

    const found = async () =>
      (await tenant.leftovers.list({ fieldSelector: "cluster=sweep" })).items
        .filter((item) => item.namespace === namespace)
        .map(({ kind, name, keptFor, endsAt }) => [kind, name, keptFor, endsAt !== undefined]);
    const claim = ["PersistentVolumeClaim", "lost", "UserData", false];
    const others = ["NetworkPolicy", "open", "NotDeclared", false];
    const all = [others, claim, ["Secret", "lost", undefined, true], ["StatefulSet", "lost", undefined, true]];
    await eventually(found, (items) => items.length >= all.length);
    expect((await found()).sort()).toEqual(all);
    await eventually(found, (items) => items.length === 2);
    expect((await found()).sort()).toEqual([others, claim]);

    const namesOf = async (where: string) => (await api.list(where)).map(({ metadata }) => metadata.name).sort();
    expect(await namesOf(path("statefulsets", "apps/v1"))).toEqual(["web"]);
    expect(await namesOf(path("secrets"))).toEqual(["of-before", "theirs", "web-boot"]);
    expect(await namesOf(path("persistentvolumeclaims"))).toHaveLength(3);
    expect((await api.get(`${path("secrets")}/web-boot`)).metadata.uid).toBe(boot.metadata.uid);
    await running("web");
  });

  it("are a deleted tenant's namespace too, unless somebody has something in it", { timeout: 240_000 }, async ({ expect }) => {
    const fleets = [await aFleet("bare", 1), await aFleet("used", 1)] as const;
    for (const { claw, running, namespace, platform } of fleets) {
      await claw.instances.create(anEcho("web"));
      await running("web");
      await claw.instances.delete("web", { purgeData: true });
      await eventually(
        () => claw.instances.get("web").catch(() => undefined),
        (instance) => instance === undefined,
        60_000,
      );
      await (namespace.endsWith("used") && fleets[1].api.create(fleets[1].path("configmaps"), { metadata: { name: "mine" } }));
      await platform.tenants.delete(namespace.replace(/^claw-/, ""));
    }
    const [bare, used] = fleets;
    await eventually(
      () => bare.api.get(`/api/v1/namespaces/${bare.namespace}`),
      (namespace) => namespace === undefined || namespace.metadata.deletionTimestamp !== undefined,
      60_000,
    );
    // Each cluster is looked at on its own: the one may be told of after the other is swept.
    await eventually(
      async () => used.platform.leftovers.list({ fieldSelector: "cluster=used" }),
      ({ items }) => items.some(({ kind, name, keptFor }) => kind === "Namespace" && name === used.namespace && keptFor === "UserData"),
      60_000,
    );
    expect((await used.api.get(`/api/v1/namespaces/${used.namespace}`)).metadata.deletionTimestamp).toBeUndefined();
  });
});
