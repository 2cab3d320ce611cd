import { type KubernetesTarget, LOCAL_CLUSTER, type StackTarget } from "../../../sdk/contract/index.ts";
import { type Cluster, namespaceOf } from "../../domain/clusters/cluster.ts";
import { openLeaves } from "../../domain/sealed.ts";
import { SHARED_TENANT, type Tenant } from "../../domain/tenancy/tenant.ts";
import type { KubernetesAccess } from "../ports/clusters/clusters.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";

export interface TargetDependencies {
  readonly cipher: SecretCipher;
  /** The control plane's own host: where instances run that asked for no cluster. */
  readonly local: Extract<StackTarget, { runtime: "process" }>;
}

/** Where a tenant's instances of one cluster run, as their stack wants to know it. @throws {ClawError} `cluster.not_found` */
export async function stackTarget(
  tx: PlatformTransaction,
  tenant: Tenant,
  cluster: string,
  deps: TargetDependencies,
): Promise<StackTarget> {
  if (cluster === LOCAL_CLUSTER) {
    return deps.local;
  }
  const target = kubernetesTarget(await tx.clusters.get(cluster), tenant, deps.cipher);
  return { ...target, controlPlane: await controlPlaneId(tx) };
}

/** What the control plane is known by, to hosts and clusters: as old as its database, and the same to all replicas and in every copy. */
export async function controlPlaneId(tx: PlatformTransaction): Promise<string> {
  return (await tx.tenants.get(SHARED_TENANT)).id;
}

/** The way into a cluster. */
export function kubernetesAccess({ spec: { credentials } }: Cluster, cipher: SecretCipher): KubernetesAccess {
  return credentials.source === "kubeconfig"
    ? { kubeconfig: String(openLeaves(credentials.kubeconfig, cipher)), context: credentials.context }
    : { kubeconfig: "" };
}

function kubernetesTarget(cluster: Cluster, tenant: Tenant, cipher: SecretCipher): KubernetesTarget {
  const { spec } = cluster;
  const { kubeconfig, context } = kubernetesAccess(cluster, cipher);
  return {
    runtime: "kubernetes",
    cluster: cluster.name,
    kubeconfig,
    ...(context !== undefined && { context }),
    namespace: namespaceOf(spec, tenant.name),
    agentUrl: spec.agentUrl,
    images: spec.images,
    ...(spec.storageClass !== undefined && { storageClass: spec.storageClass }),
    ...(spec.priorityClass !== undefined && { priorityClass: spec.priorityClass }),
    networkPolicy: spec.networkPolicy,
    ...(spec.ingress !== undefined && { ingress: spec.ingress }),
    ...(spec.gateway !== undefined && { gateway: spec.gateway }),
    evictable: spec.evictable,
    quota: tenant.spec.quota,
  };
}
