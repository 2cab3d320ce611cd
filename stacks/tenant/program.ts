import { Provider } from "@pulumi/kubernetes/provider.js";
import * as pulumi from "@pulumi/pulumi";
import { instanceDirs } from "../../components/claw-instance/instance-dirs.ts";
import { CLUSTER_PROVIDER } from "../../components/claw-instance/instance-urns.ts";
import { KubernetesClawInstance } from "../../components/claw-instance/kubernetes-claw-instance.ts";
import { ProcessClawInstance } from "../../components/claw-instance/process-claw-instance.ts";
import { CLAW_SERVICE_ACCOUNT, TenantBoundary } from "../../components/kubernetes/tenant-boundary.ts";
import type { KubernetesTarget, ProcessTarget, ResolvedInstance, StackIdentity, StackSpec } from "../../sdk/contract/index.ts";

export { instanceUrns, PROJECT_NAME, sharedUrns, stackName } from "../../components/claw-instance/instance-urns.ts";

/**
 * The program of a tenant's stack: a pure function of the specification. Its outputs don't depend on which of the tenant's
 * instances are in the specification, so that evaluating it for one of them leaves the stack's outputs as they are.
 */
export function tenantProgram(spec: StackSpec): () => Promise<Record<string, unknown>> {
  return async () => {
    const declare = tenantDeclarations(spec);
    for (const instance of spec.instances) {
      declare(instance);
    }
    return { tenant: spec.tenant };
  };
}

type Declare = (instance: ResolvedInstance) => Readonly<Record<string, pulumi.Output<string>>>;

/** Declares what the stack's instances share, and answers how each of them is declared in the running program; that gives its outputs. */
export function tenantDeclarations({ tenant, target }: StackIdentity): Declare {
  return target.runtime === "process" ? onHost(tenant, target) : onCluster(tenant, target);
}

function onHost(tenant: string, target: ProcessTarget): Declare {
  return (instance) => {
    const { uid, runtime, running, restartedAt, deletionPolicy, agentToken } = instance;
    const { specDigest, dataDir } = new ProcessClawInstance(instance.name, {
      ...instanceDirs(target.rootDir, tenant, instance),
      uid,
      runtime,
      running,
      restartedAt,
      deletionPolicy,
      agentUrl: target.agentUrl,
      agentToken,
    });
    return { specDigest, dataDir };
  };
}

function onCluster(tenant: string, target: KubernetesTarget): Declare {
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
  const pattern = images.claws[type];
  if (pattern === undefined) {
    throw new pulumi.RunError(`ImageMissing: cluster '${cluster}' has no image for claws of type '${type}'`);
  }
  return pattern.replaceAll("${version}", runtime.software.version);
}
