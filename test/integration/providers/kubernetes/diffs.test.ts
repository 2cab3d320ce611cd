import { describe, onTestFinished } from "vitest";
import { changedBy, Kind, kubernetesSuite } from "../../../support/kubernetes/stack.ts";
import { aDeployment, aStatefulSet, podTemplate } from "../../../support/kubernetes/workloads.ts";

/** One of each kind that instances are made of, as short as can be: the server fills in the rest. */
function kinds(namespace: string): [type: string, name: string, object: Record<string, unknown>][] {
  const claim = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1024Mi" } }, storageClassName: "later" };
  const skip = { annotations: { "pulumi.com/skipAwait": "true" } };
  return [
    ["kubernetes:apps/v1:Deployment", "web", aDeployment({}, { ports: [{ containerPort: 80 }], resources: { limits: { cpu: "1000m" } } })],
    ["kubernetes:apps/v1:StatefulSet", "db", aStatefulSet({ volumeClaimTemplates: [] })],
    ["kubernetes:core/v1:Service", "web-service", { metadata: { name: "web" }, spec: { ports: [{ port: 80 }], clusterIP: "None" } }],
    ["kubernetes:core/v1:ConfigMap", "settings", { metadata: { name: "settings" }, data: { mode: "quiet" } }],
    ["kubernetes:core/v1:Secret", "token", { metadata: { name: "token" }, stringData: { token: "t0ken" } }],
    ["kubernetes:core/v1:PersistentVolumeClaim", "data", { metadata: { name: "data", ...skip }, spec: claim }],
    ["kubernetes:core/v1:ServiceAccount", "runner", { metadata: { name: "runner" }, automountServiceAccountToken: false }],
    [
      "kubernetes:core/v1:ResourceQuota",
      "quota",
      { metadata: { name: "quota" }, spec: { hard: { pods: "20", "requests.storage": "10240Mi" } } },
    ],
    [
      "kubernetes:core/v1:LimitRange",
      "limits",
      { metadata: { name: "limits" }, spec: { limits: [{ type: "Container", default: { cpu: "2" } }] } },
    ],
    [
      "kubernetes:networking.k8s.io/v1:NetworkPolicy",
      "deny",
      { metadata: { name: "deny" }, spec: { podSelector: {}, policyTypes: ["Ingress"], ingress: [{ ports: [{ port: 53 }] }] } },
    ],
    [
      "kubernetes:networking.k8s.io/v1:Ingress",
      "entry",
      { metadata: { name: "entry", ...skip }, spec: { defaultBackend: { service: { name: "web", port: { number: 80 } } } } },
    ],
    [
      "kubernetes:policy/v1:PodDisruptionBudget",
      "budget",
      { metadata: { name: "budget" }, spec: { maxUnavailable: 1, selector: { matchLabels: { app: "web" } } } },
    ],
    [
      "kubernetes:autoscaling/v2:HorizontalPodAutoscaler",
      "scaler",
      {
        metadata: { name: "scaler" },
        spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" } },
      },
    ],
    [
      "kubernetes:batch/v1:Job",
      "once",
      { metadata: { name: "once" }, spec: { template: { spec: { restartPolicy: "Never", ...podTemplate().spec } } } },
    ],
    [
      "kubernetes:batch/v1:CronJob",
      "nightly",
      {
        metadata: { name: "nightly" },
        spec: { schedule: "0 3 * * *", jobTemplate: { spec: { template: { spec: { restartPolicy: "Never", ...podTemplate().spec } } } } },
      },
    ],
    [
      "kubernetes:rbac.authorization.k8s.io/v1:Role",
      "reader",
      { metadata: { name: "reader" }, rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }] },
    ],
    [
      "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
      "reads",
      {
        metadata: { name: "reads" },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" },
        subjects: [{ kind: "ServiceAccount", name: "runner", namespace }],
      },
    ],
  ];
}

describe("what changes in a cluster", () => {
  const onCluster = kubernetesSuite();

  onCluster(
    "is nothing when nothing was declared otherwise, whatever the server has filled in",
    async ({ stack, program, namespace, expect }) => {
      const all = program((options) => {
        for (const [type, name, object] of kinds(namespace)) {
          new Kind(type, name, object, options);
        }
      });
      const made = await stack.up(all);
      expect(made.ok, made.message).toBe(true);
      expect(changedBy(await stack.up(all))).toEqual([]);
      // Controllers have written to the objects meanwhile; that is no change either.
      const refreshed = await stack.refresh();
      expect(refreshed.changes).not.toHaveProperty("update");
      expect(changedBy(await stack.preview(all))).toEqual([]);
    },
  );

  onCluster("is nothing when the same is written in other words", async ({ stack, program, expect }) => {
    await stack.up(
      program(
        (options) => new Kind("kubernetes:apps/v1:Deployment", "web", aDeployment({}, { resources: { limits: { cpu: "1" } } }), options),
      ),
    );
    const spelled = { strategy: { type: "RollingUpdate" }, revisionHistoryLimit: 10 };
    const container = { resources: { limits: { cpu: "1000m" } }, imagePullPolicy: "IfNotPresent" };
    const other = program((options) => new Kind("kubernetes:apps/v1:Deployment", "web", aDeployment(spelled, container), options));
    expect(changedBy(await stack.preview(other))).toEqual([]);
  });

  onCluster("is told by the paths of what was declared", async ({ stack, program, expect }) => {
    const web = (replicas: number, image: string) =>
      program((options) => new Kind("kubernetes:apps/v1:Deployment", "web", aDeployment({ replicas }, { image }), options));
    await stack.up(web(1, "example.com/web:1"));
    const preview = await stack.preview(web(2, "example.com/web:2"));
    const change = preview.events.find(({ resourcePreEvent }) => resourcePreEvent?.metadata.op === "update")?.resourcePreEvent;
    expect(change?.metadata.detailedDiff).toEqual({
      "spec.replicas": { diffKind: "update", inputDiff: true },
      "spec.template.spec.containers[0].image": { diffKind: "update", inputDiff: true },
    });
  });

  const replacing = [
    [
      "a StatefulSet's service name",
      "kubernetes:apps/v1:StatefulSet",
      aStatefulSet(),
      aStatefulSet({ serviceName: "other" }),
      "spec.serviceName",
    ],
    [
      "a Deployment's selector",
      "kubernetes:apps/v1:Deployment",
      aDeployment(),
      aDeployment({ selector: { matchLabels: { app: "other" } }, template: { ...podTemplate(), metadata: { labels: { app: "other" } } } }),
      "spec.selector.matchLabels.app",
    ],
    [
      "a Service's cluster address",
      "kubernetes:core/v1:Service",
      { metadata: { name: "web" }, spec: { ports: [{ port: 80 }], clusterIP: "None" } },
      { metadata: { name: "web" }, spec: { ports: [{ port: 80 }], clusterIP: "10.96.0.77" } },
      "spec.clusterIP",
    ],
    [
      "a Job's template",
      "kubernetes:batch/v1:Job",
      { metadata: { name: "once" }, spec: { template: { spec: { restartPolicy: "Never", ...podTemplate().spec } } } },
      {
        metadata: { name: "once" },
        spec: { template: { spec: { restartPolicy: "Never", ...podTemplate({ image: "example.com/web:2" }).spec } } },
      },
      "spec.template.spec.containers[0].image",
    ],
    [
      "a role binding's role",
      "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
      { metadata: { name: "reads" }, roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" } },
      { metadata: { name: "reads" }, roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "edit" } },
      "roleRef.name",
    ],
  ] as const;
  for (const [what, type, before, after, path] of replacing) {
    onCluster(`replaces the object for ${what}, deleting it first as its name is taken`, async ({ stack, program, expect }) => {
      await stack.up(program((options) => new Kind(type, "it", before, options)));
      const outcome = await stack.up(program((options) => new Kind(type, "it", after, options)));
      expect(outcome.ok, outcome.message).toBe(true);
      expect(changedBy(outcome)).toEqual(["delete-replaced it", "replace it", "create-replacement it"]);
      const step = outcome.events.find(({ resourcePreEvent }) => resourcePreEvent?.metadata.op === "replace")?.resourcePreEvent;
      expect(Object.keys(step?.metadata.detailedDiff ?? {})).toContain(path);
      // The next engine's case asks for the same cluster address.
      expect((await stack.destroy()).ok).toBe(true);
    });
  }

  onCluster(
    "tells items of a list apart as the server does: one port of two protocols",
    async ({ stack, program, cluster, namespace, expect }) => {
      const dns = (...protocols: string[]) =>
        program((options) => {
          const ports = protocols.map((protocol) => ({ containerPort: 53, protocol }));
          new Kind("kubernetes:apps/v1:Deployment", "web", aDeployment({}, { ports }), options);
          const policy = { podSelector: {}, ingress: [{ ports: protocols.map((protocol) => ({ port: 53, protocol })) }] };
          new Kind("kubernetes:networking.k8s.io/v1:NetworkPolicy", "dns", { metadata: { name: "dns" }, spec: policy }, options);
        });
      const protocolsOf = (ports: { protocol: string }[]) => ports.map(({ protocol }) => protocol);
      await stack.up(dns("TCP"));
      expect(changedBy(await stack.up(dns("TCP", "UDP"))).toSorted()).toEqual(["update dns", "update web"]);
      const { spec } = await cluster.api.get(`/apis/apps/v1/namespaces/${namespace}/deployments/web`);
      expect(protocolsOf(spec.template.spec.containers[0].ports)).toEqual(["TCP", "UDP"]);
      const policy = await cluster.api.get(`/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies/dns`);
      expect(protocolsOf(policy.spec.ingress[0].ports)).toEqual(["TCP", "UDP"]);
    },
  );

  onCluster("lets a claim grow in place, and says why one can't shrink", async ({ stack, program, cluster, namespace, expect }) => {
    const storageClassName = `growing-${namespace}`;
    const volume = `/api/v1/persistentvolumes/${namespace}`;
    await cluster.api.create("/apis/storage.k8s.io/v1/storageclasses", {
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: { name: storageClassName },
      provisioner: "kubernetes.io/no-provisioner",
      allowVolumeExpansion: true,
    });
    const spec = { storageClassName, accessModes: ["ReadWriteOnce"] };
    await cluster.api.create("/api/v1/persistentvolumes", {
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name: namespace },
      spec: { ...spec, capacity: { storage: "1Gi" }, hostPath: { path: "/tmp/never-mounted" }, persistentVolumeReclaimPolicy: "Retain" },
    });
    onTestFinished(async () => {
      await cluster.api.delete(volume);
      await cluster.api.delete(`/apis/storage.k8s.io/v1/storageclasses/${storageClassName}`);
    });
    const claim = (storage: string) =>
      program((options) => {
        const object = { metadata: { name: "data" }, spec: { ...spec, resources: { requests: { storage } } } };
        return new Kind("kubernetes:core/v1:PersistentVolumeClaim", "data", object, options);
      });
    const made = await stack.up(claim("1Gi"));
    expect(made.ok, made.message).toBe(true);
    const grown = await stack.up(claim("2Gi"));
    expect(grown.ok, grown.message).toBe(true);
    expect(changedBy(grown)).toEqual(["update data"]);
    const path = `/api/v1/namespaces/${namespace}/persistentvolumeclaims/data`;
    expect((await cluster.api.get(path)).spec.resources.requests).toEqual({ storage: "2Gi" });
    expect(changedBy(await stack.up(claim("2048Mi"), { refresh: true }))).toEqual([]);

    const shrunk = await stack.up(claim("512Mi"));
    expect(shrunk.ok).toBe(false);
    expect(changedBy(shrunk)).toEqual(["update data"]);
    expect(shrunk.message).toMatch(/spec\.resources\.requests\.storage.*can not be less than/s);
  });

  onCluster("updates in place what the server lets change in a StatefulSet", async ({ stack, program, expect }) => {
    const db = (object: object) =>
      program((options) => new Kind("kubernetes:apps/v1:StatefulSet", "db", object as Record<string, unknown>, options));
    await stack.up(db(aStatefulSet()));
    const changed = aStatefulSet({ replicas: 2, template: podTemplate({ image: "example.com/web:2" }), minReadySeconds: 1 });
    expect(changedBy(await stack.up(db(changed)))).toEqual(["update db"]);
  });
});
