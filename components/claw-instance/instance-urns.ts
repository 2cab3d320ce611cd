import type { KubernetesTarget, StackIdentity, StackSpec } from "../../sdk/contract/index.ts";

/** The Pulumi project of every tenant's stack: part of each resource's identity. */
export const PROJECT_NAME = "clusterclaw";

/** Type token of an instance as processes of a host. */
export const INSTANCE_TYPE = "clusterclaw:index:ClawInstance";
/** Type token of an instance as a pod. */
export const KUBERNETES_INSTANCE_TYPE = "clusterclaw:kubernetes:ClawInstance";
/** Type token of a tenant's part of a cluster. */
export const BOUNDARY_TYPE = "clusterclaw:kubernetes:TenantBoundary";
/** Name of a stack's provider of its cluster. */
export const CLUSTER_PROVIDER = "cluster";

interface Child {
  readonly type: string;
  /** What its name adds to its parent's. No two parents can have a child of one type and name in common. */
  readonly suffix: string;
}

/** Children of an instance of the process runtime. */
export const instanceChildren = {
  software: { type: "clusterclaw:process:Software", suffix: "-software" },
  config: { type: "clusterclaw:process:Directory", suffix: "-config" },
  data: { type: "clusterclaw:process:Directory", suffix: "-data" },
  files: { type: "clusterclaw:process:ConfigFiles", suffix: "-files" },
  process: { type: "clusterclaw:process:Process", suffix: "-process" },
} as const satisfies Record<string, Child>;

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

/**
 * Name of the stack that holds a tenant's instances on one target: the tenant's own for processes of this host, `<tenant>.<cluster>` for
 * a cluster. Both names are DNS labels, so no two stacks have a name in common.
 */
export function stackName({ tenant, target }: StackIdentity): string {
  return target.runtime === "process" ? tenant : `${tenant}.${target.cluster}`;
}

/** URNs of resources that belong together: what an operation on them targets. */
export interface ResourceUrns {
  /** What the program declares, the component first. */
  readonly declared: readonly string[];
  /** What the program declares no more, or not yet: the stack may hold it still. */
  readonly undeclared: readonly string[];
}

/** URNs of what all instances of a stack rest on: every operation on one of them sees to it first. */
export function sharedUrns(spec: StackIdentity): ResourceUrns {
  if (spec.target.runtime === "process") {
    return { declared: [], undeclared: [] };
  }
  const { denyAll, allowDns, allowControlPlane, allowEgress } = boundaryChildren;
  const policies = [denyAll, allowDns, allowControlPlane, allowEgress];
  const declares = (child: Child) =>
    spec.target.runtime === "kubernetes" && (spec.target.networkPolicy.enabled || !policies.some((policy) => policy === child));
  // Without the provider: it is part of every operation, and all instances depend on it.
  return componentUrns(spec, BOUNDARY_TYPE, spec.tenant, boundaryChildren, declares);
}

/**
 * URNs of everything that belongs to one instance, which may be absent from the specification because it goes away.
 * @example instanceUrns(spec, { name: "assistant-1" }).declared
 */
export function instanceUrns(spec: StackSpec, { name }: { readonly name: string }): ResourceUrns {
  const { target } = spec;
  const instance = spec.instances.find((candidate) => candidate.name === name);
  const urns =
    target.runtime === "process"
      ? componentUrns(spec, INSTANCE_TYPE, name, instanceChildren, () => true)
      : componentUrns(spec, KUBERNETES_INSTANCE_TYPE, name, podChildren, (child) =>
          declaresInPod(target, instance?.expose ?? false, child),
        );
  return instance ? urns : { declared: [], undeclared: [...urns.declared, ...urns.undeclared] };
}

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

function componentUrns(
  spec: StackIdentity,
  type: string,
  name: string,
  children: Readonly<Record<string, Child>>,
  declares: (child: Child) => boolean,
): ResourceUrns {
  const prefix = `urn:pulumi:${stackName(spec)}::${PROJECT_NAME}::${type}`;
  const urnsOf = (isDeclared: boolean) =>
    Object.values(children)
      .filter((child) => declares(child) === isDeclared)
      .map((child) => `${prefix}$${child.type}::${name}${child.suffix}`);
  return { declared: [`${prefix}::${name}`, ...urnsOf(true)], undeclared: urnsOf(false) };
}
