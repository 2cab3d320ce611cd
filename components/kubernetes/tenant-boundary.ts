import { LimitRange } from "@pulumi/kubernetes/core/v1/limitRange.js";
import { Namespace } from "@pulumi/kubernetes/core/v1/namespace.js";
import { ResourceQuota } from "@pulumi/kubernetes/core/v1/resourceQuota.js";
import { ServiceAccount } from "@pulumi/kubernetes/core/v1/serviceAccount.js";
import { NetworkPolicy } from "@pulumi/kubernetes/networking/v1/networkPolicy.js";
import { Role } from "@pulumi/kubernetes/rbac/v1/role.js";
import { RoleBinding } from "@pulumi/kubernetes/rbac/v1/roleBinding.js";
import * as pulumi from "@pulumi/pulumi";
import { type KubernetesTarget, NO_CONTROL_PLANE, parseQuantity, type Quota } from "../../sdk/contract/index.ts";
import { BOUNDARY_TYPE, boundaryChildren } from "./kubernetes-component.ts";
import { ownerLabels, tenantLabels } from "./labels.ts";
import { tenantPolicies } from "./network-policies.ts";
import { AGENT_REQUESTS } from "./pod-template.ts";

/** Name of the service account of a tenant's pods. */
export const CLAW_SERVICE_ACCOUNT = "claw";

/** Inputs of {@link TenantBoundary}. */
export interface TenantBoundaryArgs {
  /** The tenant's name: a DNS label, which all objects carry. */
  readonly tenant: string;
  /** The namespace that is to be the tenant's. @default `claw-<tenant>` */
  readonly namespace?: string;
  /** What the cluster refuses more of, whoever asks: a number of instances, and Kubernetes quantities. @default no bounds */
  readonly quota?: Quota;
  /**
   * Whether the tenant is closed to the network but for DNS, and what it may reach besides, as CIDRs: `allowedEgress` with all ports, `controlPlaneCidrs` with the port of `agentUrl`.
   * @default closed, and nothing besides: `allowedEgress: ["0.0.0.0/0"]` lets claws reach models of the internet
   */
  readonly networkPolicy?: Partial<KubernetesTarget["networkPolicy"]>;
  /** Where agents dial a control plane. @default none */
  readonly agentUrl?: string;
  /** Id of the control plane, which its objects carry. */
  readonly controlPlane?: string | undefined;
}

/**
 * A tenant's part of a cluster: a namespace for restricted pods, with the tenant's quota, limits, closed to the network but for what is
 * allowed, and with nobody's credentials in its pods.
 * @example new TenantBoundary("acme", { tenant: "acme", quota: { instances: 10, memory: "40Gi" } }, { provider })
 */
export class TenantBoundary extends pulumi.ComponentResource {
  /** The namespace's name. */
  readonly namespace: pulumi.Output<string>;
  /** The service account of the tenant's pods: it has no rights and no token. */
  readonly serviceAccount: pulumi.Output<string>;
  /** Everything that it is made of. */
  readonly parts: readonly pulumi.Resource[];

  constructor(name: string, args: TenantBoundaryArgs, opts?: pulumi.ComponentResourceOptions) {
    super(BOUNDARY_TYPE, name, {}, opts);
    const child = { parent: this };
    const { namespace = `claw-${args.tenant}`, agentUrl = NO_CONTROL_PLANE } = args;
    const networkPolicy = { enabled: true, controlPlaneCidrs: [], allowedEgress: [], ...args.networkPolicy };
    const labels = { ...tenantLabels(args.tenant), ...ownerLabels(args.controlPlane) };
    const space = new Namespace(
      `${name}${boundaryChildren.namespace.suffix}`,
      { metadata: { name: namespace, labels: { ...labels, ...restrictedPods } } },
      child,
    );
    this.namespace = space.metadata.name;
    const metadata = (ownName: string) => ({ name: ownName, namespace: this.namespace, labels });

    const account = new ServiceAccount(
      `${name}${boundaryChildren.serviceAccount.suffix}`,
      { metadata: metadata(CLAW_SERVICE_ACCOUNT), automountServiceAccountToken: false },
      child,
    );
    this.serviceAccount = account.metadata.name;
    const quota = new ResourceQuota(
      `${name}${boundaryChildren.quota.suffix}`,
      { metadata: metadata("tenant"), spec: { hard: hardLimits(args.quota ?? {}) } },
      child,
    );
    const limits = new LimitRange(
      `${name}${boundaryChildren.limits.suffix}`,
      { metadata: metadata("defaults"), spec: { limits: [{ type: "Container", ...unstatedResources }] } },
      child,
    );
    const role = new Role(`${name}${boundaryChildren.role.suffix}`, { metadata: metadata("tenant-viewer"), rules: viewerRules }, child);
    const binding = new RoleBinding(
      `${name}${boundaryChildren.roleBinding.suffix}`,
      {
        metadata: metadata("tenant-viewers"),
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: role.metadata.name },
        subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: `clusterclaw.io:tenant:${args.tenant}` }],
      },
      child,
    );
    const policies = Object.entries(networkPolicy.enabled ? tenantPolicies({ networkPolicy, agentUrl }) : {}).map(([key, spec]) => {
      const { suffix } = boundaryChildren[key as keyof ReturnType<typeof tenantPolicies>];
      return new NetworkPolicy(`${name}${suffix}`, { metadata: metadata(suffix.slice(1)), spec }, child);
    });
    this.parts = [space, account, quota, limits, role, binding, ...policies];
    this.registerOutputs({ namespace: this.namespace, serviceAccount: this.serviceAccount });
  }
}

const restrictedPods = Object.fromEntries(
  ["enforce", "audit", "warn"].flatMap((mode) => [
    [`pod-security.kubernetes.io/${mode}`, "restricted"],
    [`pod-security.kubernetes.io/${mode}-version`, "latest"],
  ]),
);

/** What a container gets that states nothing: a quota refuses those that ask for nothing. */
const unstatedResources = { defaultRequest: { cpu: "100m", memory: "128Mi" }, default: { cpu: "500m", memory: "512Mi" } };

/** What members of the tenant may see of their part: everything but secrets. Groups come from the cluster's own authentication. */
const viewerRules = [
  {
    apiGroups: [""],
    resources: ["pods", "pods/log", "services", "persistentvolumeclaims", "events", "resourcequotas"],
    verbs: ["get", "list", "watch"],
  },
  { apiGroups: ["apps"], resources: ["statefulsets"], verbs: ["get", "list", "watch"] },
];

/** Instances whose agents have room where the quota names no number of instances. */
const UNCOUNTED_INSTANCES = 100;
const CONFIG_CLAIM_BYTES = 64 * 2 ** 20;

/**
 * The quota as the cluster enforces it. It counts whole pods: what agents and config volumes take comes on top of what the tenant was
 * given for its claws.
 */
function hardLimits({ instances, cpu, memory, storage }: Quota): Record<string, string> {
  const count = instances ?? UNCOUNTED_INSTANCES;
  const millicores = (quantity: string) => Math.ceil((parseQuantity(quantity) + count * parseQuantity(AGENT_REQUESTS.cpu)) * 1000);
  const bytes = (quantity: string, overhead: number) => Math.ceil(parseQuantity(quantity) + count * overhead);
  return {
    ...(instances !== undefined && { "count/statefulsets.apps": String(instances) }),
    ...(cpu !== undefined && { "requests.cpu": `${millicores(cpu)}m` }),
    ...(memory !== undefined && { "requests.memory": String(bytes(memory, parseQuantity(AGENT_REQUESTS.memory))) }),
    ...(storage !== undefined && { "requests.storage": String(bytes(storage, CONFIG_CLAIM_BYTES)) }),
    "services.loadbalancers": "0",
    "services.nodeports": "0",
  };
}
