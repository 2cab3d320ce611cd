import type { InstanceSpec, KubernetesTarget, PropertyDiff } from "../../sdk/contract/index.ts";
import { type Adoption, actual, adoptEach, nowhere, refused } from "../claw-instance/adoption.ts";
import type { RuntimeComponent } from "../claw-instance/runtime-component.ts";
import { type Child, componentUrns, isChild } from "../claw-instance/urns.ts";

/** Type token of an instance as a pod. */
export const KUBERNETES_INSTANCE_TYPE = "clusterclaw:kubernetes:ClawInstance";
/** Type token of a tenant's part of a cluster. */
export const BOUNDARY_TYPE = "clusterclaw:kubernetes:TenantBoundary";
/** Name of a stack's provider of its cluster. */
export const CLUSTER_PROVIDER = "cluster";

/** Children of an instance in a cluster. */
export const podChildren = {
  secret: { type: "kubernetes:core/v1:Secret", suffix: "-boot" },
  config: { type: "kubernetes:core/v1:PersistentVolumeClaim", suffix: "-config" },
  data: { type: "kubernetes:core/v1:PersistentVolumeClaim", suffix: "-data" },
  service: { type: "kubernetes:core/v1:Service", suffix: "-service" },
  statefulSet: { type: "kubernetes:apps/v1:StatefulSet", suffix: "-claw" },
  disruptionBudget: { type: "kubernetes:policy/v1:PodDisruptionBudget", suffix: "-disruption" },
  networkPolicy: { type: "kubernetes:networking.k8s.io/v1:NetworkPolicy", suffix: "-network" },
  ingress: { type: "kubernetes:networking.k8s.io/v1:Ingress", suffix: "-ingress" },
  httpRoute: { type: "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute", suffix: "-route" },
} as const satisfies Record<string, Child>;

/** Children of a tenant's boundary. */
export const boundaryChildren = {
  namespace: { type: "kubernetes:core/v1:Namespace", suffix: "-namespace" },
  serviceAccount: { type: "kubernetes:core/v1:ServiceAccount", suffix: "-claws" },
  quota: { type: "kubernetes:core/v1:ResourceQuota", suffix: "-quota" },
  limits: { type: "kubernetes:core/v1:LimitRange", suffix: "-limits" },
  role: { type: "kubernetes:rbac.authorization.k8s.io/v1:Role", suffix: "-viewer" },
  roleBinding: { type: "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding", suffix: "-viewers" },
  denyAll: { type: "kubernetes:networking.k8s.io/v1:NetworkPolicy", suffix: "-deny-all" },
  allowDns: { type: "kubernetes:networking.k8s.io/v1:NetworkPolicy", suffix: "-allow-dns" },
  allowControlPlane: { type: "kubernetes:networking.k8s.io/v1:NetworkPolicy", suffix: "-allow-control-plane" },
  allowEgress: { type: "kubernetes:networking.k8s.io/v1:NetworkPolicy", suffix: "-allow-egress" },
} as const satisfies Record<string, Child>;

const BOUNDARY_POLICIES: readonly Child[] = [
  boundaryChildren.denyAll,
  boundaryChildren.allowDns,
  boundaryChildren.allowControlPlane,
  boundaryChildren.allowEgress,
];

/** What is declared of instances that are pods of a cluster: a boundary for all of a tenant's, and what each is made of. */
export const kubernetesComponent: RuntimeComponent<KubernetesTarget> = {
  // Without the provider: it is part of every operation, and all instances depend on it.
  sharedUrns: (stack) =>
    componentUrns(
      stack,
      BOUNDARY_TYPE,
      stack.tenant,
      boundaryChildren,
      (child) => stack.target.networkPolicy.enabled || !BOUNDARY_POLICIES.includes(child),
    ),
  instanceUrns: (stack, name, instance) =>
    componentUrns(stack, KUBERNETES_INSTANCE_TYPE, name, podChildren, (child) =>
      declaresInPod(stack.target, instance?.expose ?? false, child),
    ),
  adopt(spec, { urn, diffs }) {
    if (isChild(urn, podChildren.statefulSet)) {
      return adoptWorkload(spec, diffs);
    }
    return isChild(urn, podChildren.data) ? adoptClaim(spec, diffs) : refused(spec, ...diffs.map(nowhere));
  },
  // A pod is never changed but for a new one: for its resources, its images, or anything else of its template.
  exchangesClaw: ({ type, diffs }) => type === podChildren.statefulSet.type && diffs.some(({ path }) => path.startsWith("spec.template")),
  // Mounted secrets are looked at once a minute.
  changesMountedFiles: ({ type, op }) => type === podChildren.secret.type && op === "update",
};

function declaresInPod({ networkPolicy, ingress, gateway }: KubernetesTarget, isExposed: boolean, child: Child): boolean {
  switch (child) {
    case podChildren.networkPolicy:
      return networkPolicy.enabled;
    case podChildren.ingress:
      return isExposed && ingress !== undefined;
    case podChildren.httpRoute:
      return isExposed && gateway !== undefined;
    default:
      return true;
  }
}

const CLAW = "spec.template.spec.containers[claw].resources";

/**
 * The way back of what the component makes of a specification by copying: its replicas, and its claw's resources. All else comes from
 * templates, the tenant, the cluster or the component itself.
 */
function adoptWorkload(spec: InstanceSpec, diffs: readonly PropertyDiff[]): Adoption {
  return adoptEach(spec, diffs, (diff, before) => {
    if (diff.path === "spec.replicas") {
      const replicas = actual(diff);
      return replicas === 0 || replicas === 1
        ? { ...before, running: replicas === 1 }
        : `spec.replicas: an instance is one pod or none, not ${diff.after}; create more instances`;
    }
    const resource = (["cpu", "memory"] as const).find(
      (name) => diff.path === `${CLAW}.requests.${name}` || diff.path === `${CLAW}.limits.${name}`,
    );
    if (!resource) {
      return nowhere(diff);
    }
    const both = ["requests", "limits"].map((part) => diffs.find(({ path }) => path === `${CLAW}.${part}.${resource}`));
    const [request, limit] = both.map((part) => part && actual(part));
    return typeof request === "string" && request === limit
      ? { ...before, resources: { ...before.resources, [resource]: request } }
      : `${diff.path}: what a claw asks for and its limit are one value: change both alike`;
  });
}

/** Of its data: the size. */
function adoptClaim(spec: InstanceSpec, diffs: readonly PropertyDiff[]): Adoption {
  return adoptEach(spec, diffs, (diff, before) =>
    diff.path === "spec.resources.requests.storage" && typeof actual(diff) === "string"
      ? { ...before, storage: { ...before.storage, size: String(actual(diff)) } }
      : nowhere(diff),
  );
}
