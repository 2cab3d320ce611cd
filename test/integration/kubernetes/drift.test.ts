import { describe, it } from "vitest";
import { anEcho } from "../../support/builders/manifests.ts";
import { type Fleet, useFleets } from "../../support/kubernetes/fleet.ts";
import { httpRoutes } from "../../support/kubernetes/http-routes.ts";
import { useCluster } from "../../support/kubernetes/use-cluster.ts";
import { eventually } from "../../support/service.ts";

const { cluster } = useCluster();
const { aFleet } = useFleets();
const NETWORK = "networking.k8s.io/v1";
const RBAC = "rbac.authorization.k8s.io/v1";
const project = { metadata: { labels: { "clusterclaw.io/project": "stolen" } } };
const OF_PROJECT = 'metadata.labels["clusterclaw.io/project"]';

interface Edit {
  readonly kind: string;
  readonly plural: string;
  readonly group?: string;
  /** Volume claims end in a digest. */
  readonly name: string | RegExp;
  readonly patch: object;
  /** Where it shows. */
  readonly path: string;
  /** What the server says of who did it. */
  readonly manager?: string | undefined;
}

/** An edit of each kind that is declared of instances and tenants. */
const edits: readonly Edit[] = [
  {
    kind: "Service",
    plural: "services",
    name: "web",
    patch: { spec: { selector: { "clusterclaw.io/instance-uid": "other" } } },
    path: 'spec.selector["clusterclaw.io/instance-uid"]',
  },
  { kind: "Secret", plural: "secrets", name: "web-boot", patch: { data: { "boot.json": "e30=" } }, path: "data" },
  { kind: "PersistentVolumeClaim", plural: "persistentvolumeclaims", name: /^web-data-/, patch: project, path: OF_PROJECT },
  { kind: "PersistentVolumeClaim", plural: "persistentvolumeclaims", name: /^web-config-/, patch: project, path: OF_PROJECT },
  {
    kind: "PodDisruptionBudget",
    plural: "poddisruptionbudgets",
    group: "policy/v1",
    name: "web",
    patch: { spec: { maxUnavailable: 0 } },
    path: "spec.maxUnavailable",
  },
  {
    kind: "NetworkPolicy",
    plural: "networkpolicies",
    group: NETWORK,
    name: "web",
    patch: { spec: { ingress: [{}] } },
    path: "spec.ingress",
  },
  {
    kind: "NetworkPolicy",
    plural: "networkpolicies",
    group: NETWORK,
    name: "deny-all",
    patch: { spec: { policyTypes: ["Ingress"] } },
    path: "spec.policyTypes",
  },
  {
    kind: "Ingress",
    plural: "ingresses",
    group: NETWORK,
    name: "web",
    patch: { spec: { ingressClassName: "other" } },
    path: "spec.ingressClassName",
  },
  {
    kind: "HTTPRoute",
    plural: "httproutes",
    group: httpRoutes.group,
    name: "web",
    patch: { spec: { hostnames: ["other.example.com"] } },
    path: "spec.hostnames",
  },
  {
    kind: "ServiceAccount",
    plural: "serviceaccounts",
    name: "claw",
    patch: { automountServiceAccountToken: true },
    path: "automountServiceAccountToken",
  },
  {
    kind: "ResourceQuota",
    plural: "resourcequotas",
    name: "tenant",
    patch: { spec: { hard: { "services.nodeports": "9" } } },
    path: 'spec.hard["services.nodeports"]',
  },
  {
    kind: "LimitRange",
    plural: "limitranges",
    name: "defaults",
    patch: { spec: { limits: [{ type: "Container", default: { cpu: "9" } }] } },
    path: "spec.limits",
  },
  { kind: "Role", plural: "roles", group: RBAC, name: "tenant-viewer", patch: { rules: [] }, path: "rules" },
  // Whoever takes something away is not remembered by the server.
  {
    kind: "RoleBinding",
    plural: "rolebindings",
    group: RBAC,
    name: "tenant-viewers",
    patch: { subjects: [] },
    path: "subjects",
    manager: undefined,
  },
];

const pathOf = async ({ api, path }: Fleet, { plural, group, name }: Edit): Promise<string> => {
  const objects = await api.list(path(plural, group));
  const found = objects.find(({ metadata }) => (typeof name === "string" ? metadata.name === name : name.test(metadata.name)));
  return `${path(plural, group)}/${found?.metadata.name}`;
};

/** What somebody wrote of an object. */
const declaredOf = ({ metadata, status: _, ...object }: { metadata: { labels?: object }; status?: unknown }) => ({
  ...object,
  labels: metadata.labels,
});

const driftOf = async ({ claw }: Fleet, kind: string, name: string) => {
  const { status } = await claw.instances.get("web");
  return status.drift?.find(
    ({ resource }) => resource.includes(`/${kind} `) && (resource.endsWith(`/${name}`) || resource.endsWith(` ${name}`)),
  );
};

describe("what somebody changes behind the control plane's back", () => {
  it("is found with who and what, and repaired when asked to, for each kind that is declared: edited or deleted", {
    timeout: 480_000,
  }, async ({ expect }) => {
    await httpRoutes.install(cluster().api);
    const fleet = await aFleet("edited", 2, {
      ingress: { className: "nginx", host: "${instance}.example.com" },
      gateway: { name: "gateway", host: "${instance}.example.com" },
    });
    const { api, claw, path, running } = fleet;
    const web = (drift: string) => anEcho("web", { drift, network: { expose: true } });
    /** Has everything made as declared, and says no more than what is found from then on. */
    const repair = async () => {
      for (const drift of ["repair", "report"]) {
        await claw.instances.replace("web", web(drift));
        await eventually(
          () => claw.instances.get("web"),
          ({ status, metadata }) => status.drift === undefined && status.observedGeneration === metadata.generation,
          60_000,
        );
      }
    };
    await claw.instances.create(web("report"));
    await running("web");
    expect((await claw.instances.get("web")).status.drift).toBeUndefined();

    await api.merge(`${path("statefulsets", "apps/v1")}/web/scale`, { spec: { replicas: 3 } }, "kubectl-scale");
    const scaled = await eventually(
      () => driftOf(fleet, "StatefulSet", "web"),
      (drift) => drift !== undefined,
    );
    expect(scaled).toMatchObject({
      resource: `apps/v1/StatefulSet ${fleet.namespace}/web`,
      op: "changed",
      manager: "kubectl-scale",
      diffs: [{ path: "spec.replicas", before: "1", after: "3" }],
    });
    const { status } = await claw.instances.get("web");
    expect(status.conditions).toContainEqual(expect.objectContaining({ type: "Drifted", status: "True", reason: "ChangedOutside" }));
    const events = await claw.instances.events("web");
    expect(events.items.find(({ reason }) => reason === "Drifted")?.message).toMatch(/spec\.replicas 1 → 3, by kubectl-scale/);

    const space = {
      kind: "Namespace",
      path: `/api/v1/namespaces/${fleet.namespace}`,
      before: await api.get(`/api/v1/namespaces/${fleet.namespace}`),
    };
    const objects = await Promise.all(
      edits.map(async (edit) => {
        const at = await pathOf(fleet, edit);
        return { edit, at, name: at.split("/").at(-1) ?? "", before: await api.get(at) };
      }),
    );
    for (const { edit, at } of objects) {
      await api.merge(at, edit.patch, "kubectl-edit");
    }
    await api.merge(space.path, { metadata: { labels: { "pod-security.kubernetes.io/enforce": "privileged" } } });
    for (const { edit, name } of objects) {
      const drift = await eventually(
        () => driftOf(fleet, edit.kind, name),
        (found) => found !== undefined,
      ).catch((error: unknown) => {
        throw new Error(`${edit.kind} ${name}: ${error}`);
      });
      expect([edit.kind, drift?.op, drift?.manager, drift?.diffs.map((diff) => diff.path)]).toEqual([
        edit.kind,
        "changed",
        "manager" in edit ? edit.manager : "kubectl-edit",
        expect.arrayContaining([expect.stringContaining(edit.path)]),
      ]);
      if (edit.kind === "Secret") {
        expect(JSON.stringify(drift)).not.toContain("e30");
      }
    }
    await eventually(
      () => driftOf(fleet, "Namespace", fleet.namespace),
      (found) => found !== undefined,
    );
    await repair();
    expect((await api.get(`${path("statefulsets", "apps/v1")}/web`)).spec.replicas).toBe(1);
    for (const { edit, at, before } of objects) {
      expect([edit.kind, declaredOf(await api.get(at))]).toEqual([edit.kind, declaredOf(before)]);
    }
    expect(declaredOf(await api.get(space.path))).toEqual(declaredOf(space.before));

    // A namespace takes everything with it, for good: that is none of what can be repaired.
    const workload = `${path("statefulsets", "apps/v1")}/web`;
    for (const at of [workload, ...objects.map((object) => object.at)]) {
      await api.delete(at);
    }
    for (const { kind, name } of [{ kind: "StatefulSet", name: "web" }, ...objects.map(({ edit, name }) => ({ kind: edit.kind, name }))]) {
      const drift = await eventually(
        () => driftOf(fleet, kind, name),
        (found) => found?.op === "deleted",
        60_000,
      ).catch((error: unknown) => {
        throw new Error(`${kind} ${name}: ${error}`);
      });
      expect(drift?.diffs).toEqual([]);
    }
    await repair();
    for (const { edit, at, before } of objects) {
      const again = await api.get(at);
      expect([edit.kind, again?.metadata.name, again?.metadata.uid === before.metadata.uid]).toEqual([
        edit.kind,
        before.metadata.name,
        false,
      ]);
    }
    await running("web");
  });

  it("is repaired without being asked where the policy says so", { timeout: 240_000 }, async ({ expect }) => {
    const { api, claw, path, running } = await aFleet("repaired", 1);
    await claw.instances.create(anEcho("web", { drift: "repair" }));
    await running("web");
    await api.merge(`${path("statefulsets", "apps/v1")}/web/scale`, { spec: { replicas: 2 } }, "kubectl-scale");
    await eventually(
      async () => (await api.get(`${path("statefulsets", "apps/v1")}/web`)).spec.replicas,
      (replicas) => replicas === 1,
    );
    await api.delete(`${path("poddisruptionbudgets", "policy/v1")}/web`);
    await eventually(
      () => api.get(`${path("poddisruptionbudgets", "policy/v1")}/web`),
      (budget) => budget !== undefined,
    );
    const { items } = await claw.instances.events("web");
    expect(items.filter(({ reason }) => reason === "Drifted")).toHaveLength(2);
  });

  it("is what is added to a pod's template too: told with everybody who did it, and taken out where the policy says so", {
    timeout: 240_000,
  }, async ({ expect }) => {
    const fleet = await aFleet("added", 1);
    const { api, claw, path, running } = fleet;
    await claw.instances.create(anEcho("web"));
    await running("web");
    const workload = `${path("statefulsets", "apps/v1")}/web`;
    const declared = (await api.get(workload)).spec.template;
    const edit = (template: object, manager: string) => api.strategicMerge(workload, { spec: { template } }, manager);
    await edit({ spec: { containers: [{ name: "claw", env: [{ name: "HTTP_PROXY", value: "http://evil.example" }] }] } }, "kubectl-set");
    await edit(
      { spec: { hostNetwork: true }, metadata: { annotations: { "kubectl.kubernetes.io/restartedAt": "2026-01-01" } } },
      "mallory",
    );
    const drift = await eventually(
      () => driftOf(fleet, "StatefulSet", "web"),
      (found) => found?.diffs.length === 2,
    );
    expect(drift).toMatchObject({ op: "changed", manager: expect.stringMatching(/^(mallory, kubectl-set|kubectl-set, mallory)$/) });
    expect(drift?.diffs.map(({ path: at, kind }) => [at, kind])).toEqual(
      expect.arrayContaining([
        ["spec.template.spec.containers[claw].env[HTTP_PROXY]", "add"],
        ["spec.template.spec.hostNetwork", "add"],
      ]),
    );
    // It may be somebody's key.
    expect(JSON.stringify(await claw.instances.get("web"))).not.toContain("evil.example");
    await claw.instances.replace("web", anEcho("web", { drift: "repair" }));
    const repaired = await eventually(
      () => api.get(workload),
      ({ spec }) => spec.template.spec.hostNetwork === undefined,
    );
    expect(repaired.spec.template.spec.containers).toEqual(declared.spec.containers);
    await eventually(
      () => claw.instances.get("web"),
      ({ status }) => status.drift === undefined && status.phase === "Running",
    );

    // Of itself, as it is found.
    await edit({ spec: { containers: [{ name: "miner", image: "miner:1" }] } }, "kubectl-patch");
    await eventually(
      async () => (await api.get(workload)).spec.template.spec.containers.map(({ name }: { name: string }) => name),
      (names) => !names.includes("miner"),
    );
  });

  it("is not what the control plane, the scheduler and other controllers do themselves", async ({ expect }) => {
    const { claw, running, api, path } = await aFleet("own", 1);
    await claw.instances.create(anEcho("web"));
    await running("web");
    await claw.instances.replace("web", anEcho("web", { resources: { cpu: "200m", memory: "64Mi" } }));
    await running("web");
    await claw.instances.stop("web");
    await eventually(
      () => claw.instances.get("web"),
      ({ status }) => status.phase === "Stopped",
    );
    // What nobody declared is nobody's drift.
    await api.merge(`${path("services")}/web`, { metadata: { annotations: { note: "mine" } } });
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect((await claw.instances.get("web")).status.drift).toBeUndefined();
    const events = await claw.instances.events("web");
    expect(events.items.map(({ reason }) => reason)).not.toContain("Drifted");
  });
});
