import { Provider } from "@pulumi/kubernetes/provider.js";
import * as pulumi from "@pulumi/pulumi";
import type { StackOn } from "../../components/claw-instance/runtime-component.ts";
import { KubernetesClawInstance } from "../../components/kubernetes/kubernetes-claw-instance.ts";
import { CLUSTER_PROVIDER } from "../../components/kubernetes/kubernetes-component.ts";
import { CLAW_SERVICE_ACCOUNT, TenantBoundary } from "../../components/kubernetes/tenant-boundary.ts";
import type { KubernetesTarget, ResolvedInstance } from "../../sdk/contract/index.ts";
import type { Declare } from "./declare.ts";

/** Instances that are pods of a cluster, within their tenant's boundary. */
export function onCluster({ tenant, target }: StackOn<KubernetesTarget>): Declare {
  const provider = new Provider(CLUSTER_PROVIDER, {
    kubeconfig: target.kubeconfig === "" ? podKubeconfig() : pulumi.secret(target.kubeconfig),
    ...(target.context !== undefined && { context: target.context }),
    // A changed boot file must reach the agent in the pod that runs: a new secret would be mounted in a new pod only.
    enableSecretMutable: true,
    // What is declared is ours: what somebody else took over is taken back by the next change, or by the repair of a drift.
    enablePatchForce: true,
  });
  const { namespace, quota, networkPolicy, agentUrl, images, ingress, gateway, controlPlane } = target;
  const boundary = new TenantBoundary(tenant, { tenant, namespace, quota, networkPolicy, agentUrl, controlPlane }, { provider });
  const standing = whenThere(boundary.parts);
  return (instance) => {
    const { name, uid, project, type, runtime, running, restartedAt, deletionPolicy, resources, storage, agentToken } = instance;
    const { configDir, dataDir, size } = storage;
    const hostOf = (pattern: string) => pattern.replaceAll("${instance}", name).replaceAll("${tenant}", tenant);
    const { specDigest, dataClaim } = new KubernetesClawInstance(
      name,
      {
        namespace: standing.apply(() => namespace),
        tenant,
        project,
        type,
        uid,
        runtime,
        running,
        restartedAt,
        deletionPolicy,
        resources,
        storage: { size, ...(configDir !== undefined && { configDir }), ...(dataDir !== undefined && { dataDir }) },
        storageClass: target.storageClass,
        images: { ...images, claw: clawImage(target, instance) },
        serviceAccount: CLAW_SERVICE_ACCOUNT,
        priorityClass: target.priorityClass,
        agentUrl,
        agentToken,
        ...(instance.expose && {
          exposure: {
            ...(ingress && { ingress: { ...ingress, host: hostOf(ingress.host) } }),
            ...(gateway && { gateway: { ...gateway, host: hostOf(gateway.host) } }),
          },
        }),
        networkPolicy: networkPolicy.enabled,
        evictable: target.evictable,
        controlPlane,
        // The agent and the cluster's events say how the claw is: an operation must not wait for it.
        skipAwait: true,
      },
      { provider },
    );
    return { specDigest, dataClaim };
  };
}

/** The service account of the pod that runs the operation, as a kubeconfig: without one, the provider would take any that its host has. */
function podKubeconfig(): string {
  const { KUBERNETES_SERVICE_HOST: host = "kubernetes.default.svc", KUBERNETES_SERVICE_PORT: port = "443" } = process.env;
  const file = (name: string) => `/var/run/secrets/kubernetes.io/serviceaccount/${name}`;
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name: "pod",
        cluster: { server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`, "certificate-authority": file("ca.crt") },
      },
    ],
    users: [{ name: "pod", user: { tokenFile: file("token") } }],
    contexts: [{ name: "pod", context: { cluster: "pod", user: "pod" } }],
    "current-context": "pod",
  });
}

/**
 * Waits for resources without depending on them. Every operation targets what instances share, and evaluates one of the instances: those
 * that depend on a target, and are not declared, would be taken for ones that are to go.
 */
function whenThere(resources: readonly pulumi.Resource[]): pulumi.Output<void> {
  // Pulumi keeps this from its published types; there is no other way to a value that is rejected with the output.
  const urns = pulumi.all(resources.map(({ urn }) => urn)) as unknown as { promise(): Promise<unknown> };
  return pulumi.output(urns.promise().then(() => undefined));
}

function clawImage({ cluster, images }: KubernetesTarget, { type, runtime }: ResolvedInstance): string {
  const pattern = images.claws[type] ?? runtime.image;
  if (pattern === undefined) {
    throw new pulumi.RunError(`ImageMissing: cluster '${cluster}' has no image for claws of type '${type}'`);
  }
  return pattern.replaceAll("${version}", runtime.software.version);
}
