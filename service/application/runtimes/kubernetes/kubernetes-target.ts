import type { KubernetesTarget } from "../../../../sdk/contract/index.ts";
import { type Cluster, namespaceOf } from "../../../domain/clusters/cluster.ts";
import { openLeaves } from "../../../domain/sealed.ts";
import type { Tenant } from "../../../domain/tenancy/tenant.ts";
import type { KubernetesAccess } from "../../ports/clusters/clusters.ts";
import type { SecretCipher } from "../../ports/secrets/secret-cipher.ts";

/** The way into a cluster. */
export function kubernetesAccess({ spec: { credentials } }: Cluster, cipher: SecretCipher): KubernetesAccess {
  return credentials.source === "kubeconfig"
    ? { kubeconfig: String(openLeaves(credentials.kubeconfig, { cipher })), context: credentials.context }
    : { kubeconfig: "" };
}

/** A tenant's part of a cluster. */
export function kubernetesTarget(cluster: Cluster, tenant: Tenant, controlPlane: string, cipher: SecretCipher): KubernetesTarget {
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
    controlPlane,
  };
}
