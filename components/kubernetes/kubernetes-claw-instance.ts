import { CustomResource } from "@pulumi/kubernetes/apiextensions/customResource.js";
import { StatefulSet } from "@pulumi/kubernetes/apps/v1/statefulSet.js";
import { PersistentVolumeClaim } from "@pulumi/kubernetes/core/v1/persistentVolumeClaim.js";
import { Secret } from "@pulumi/kubernetes/core/v1/secret.js";
import { Service } from "@pulumi/kubernetes/core/v1/service.js";
import { Ingress } from "@pulumi/kubernetes/networking/v1/ingress.js";
import { NetworkPolicy } from "@pulumi/kubernetes/networking/v1/networkPolicy.js";
import { PodDisruptionBudget } from "@pulumi/kubernetes/policy/v1/podDisruptionBudget.js";
import * as pulumi from "@pulumi/pulumi";
import type { ClawRuntime, KubernetesTarget } from "../../sdk/contract/index.ts";
import { KUBERNETES_INSTANCE_TYPE, podChildren } from "./kubernetes-component.ts";
import { claimName, instanceLabels, instanceSelector, objectName, ownerLabels, tenantLabels } from "./labels.ts";
import { BOOT_FILE, clawInPod, podBoot } from "./pod-boot.ts";
import { podTemplate } from "./pod-template.ts";

/** Config files are small and made again from the boot file; what a claw adds there is kept. */
const CONFIG_SIZE = "64Mi";
const SKIP_AWAIT = { "pulumi.com/skipAwait": "true" };

/** Inputs of {@link KubernetesClawInstance}. */
export interface KubernetesClawInstanceArgs {
  readonly namespace: pulumi.Input<string>;
  readonly tenant: string;
  readonly project: string;
  /** The claw type. */
  readonly type: string;
  /** The instance's uid: of this instance alone, also when its name is given again. */
  readonly uid: string;
  /** How the claw is configured, started, watched and stopped. Its files and its `secretEnv` are kept as secrets. */
  readonly runtime: pulumi.Input<ClawRuntime>;
  /** Whether it is to run: one pod or none. */
  readonly running: pulumi.Input<boolean>;
  /** Any new value restarts it. */
  readonly restartedAt?: pulumi.Input<string | undefined>;
  /** What happens to its volumes when the instance is deleted. */
  readonly deletionPolicy: "retain" | "delete";
  /** Of the claw's container. */
  readonly resources: pulumi.Input<{ readonly cpu: string; readonly memory: string }>;
  readonly storage: { readonly configDir?: string; readonly dataDir?: string; readonly size: pulumi.Input<string> };
  /** The cluster's default when absent. */
  readonly storageClass?: pulumi.Input<string> | undefined;
  readonly images: pulumi.Input<{
    readonly agent: string;
    readonly claw: string;
    readonly pullPolicy: string;
    readonly pullSecrets: readonly string[];
  }>;
  readonly serviceAccount: pulumi.Input<string>;
  readonly priorityClass?: pulumi.Input<string> | undefined;
  /** Where the agent dials the control plane. */
  readonly agentUrl: pulumi.Input<string>;
  /** What the agent presents there. Kept as a secret. */
  readonly agentToken: pulumi.Input<string>;
  /** How the claw is reached from outside its pod; not at all when absent. */
  readonly exposure?: Exposure | undefined;
  /** Whether connections to it are limited to what `exposure` allows; the tenant's boundary has the rest. */
  readonly networkPolicy: boolean;
  /** Whether a drain of its node may end the pod. @default true */
  readonly evictable?: pulumi.Input<boolean>;
  /** Id of the control plane, which its objects carry. */
  readonly controlPlane?: string | undefined;
  /** Don't wait until the claw is ready. @default false */
  readonly skipAwait?: boolean;
}

/** An `ingress` or a `gateway` besides the Service, or the Service alone. */
export interface Exposure {
  readonly ingress?: KubernetesTarget["ingress"];
  readonly gateway?: KubernetesTarget["gateway"];
}

/**
 * One claw as a pod of a cluster, with its agent beside it: a StatefulSet of one replica or none, its volumes, boot secret, Service and
 * policies. A changed config file changes the secret alone, and the claw takes it over while it runs; what needs a restart changes the
 * pod template.
 * @example new KubernetesClawInstance("assistant-1", { namespace, tenant, uid, runtime, running: true, … }, { provider })
 */
export class KubernetesClawInstance extends pulumi.ComponentResource {
  /** Name of the StatefulSet and of the Service. */
  readonly objectName: string;
  /** Digest of the boot file: what the agent reports once it has taken it over. */
  readonly specDigest: pulumi.Output<string>;
  /** Name of the volume claim with the claw's data. */
  readonly dataClaim: pulumi.Output<string>;

  /** @param opts what `dependsOn` names is there before the pod is */
  constructor(name: string, args: KubernetesClawInstanceArgs, opts?: pulumi.ComponentResourceOptions) {
    super(KUBERNETES_INSTANCE_TYPE, name, {}, opts);
    this.objectName = objectName(name);
    const child = { parent: this };
    const labels = instanceLabels({ ...args, instance: name });
    const selector = instanceSelector(args.uid);
    const metadata = (ownName: string, annotations?: Record<string, pulumi.Input<string>>) => ({
      name: ownName,
      namespace: args.namespace,
      labels: { ...labels, ...ownerLabels(args.controlPlane) },
      ...(annotations && { annotations }),
    });
    const runtime = pulumi.output(args.runtime);
    const claw = runtime.apply((resolved) => clawInPod(resolved, args.storage));
    const boot = pulumi
      .all([runtime, claw, args.agentUrl, args.agentToken])
      .apply(([resolved, inPod, agentUrl, agentToken]) =>
        podBoot(resolved, inPod, { uid: args.uid, agentUrl, agentToken, isExposed: args.exposure !== undefined }),
      );
    this.specDigest = pulumi.unsecret(boot.specDigest);

    const secretName = `${this.objectName}-boot`;
    const secret = new Secret(
      `${name}${podChildren.secret.suffix}`,
      {
        metadata: metadata(secretName),
        data: pulumi.secret(
          pulumi.all([boot, claw]).apply(([file, inPod]) => ({
            [BOOT_FILE]: base64(JSON.stringify(file)),
            ...Object.fromEntries(inPod.secretEnv.map(([variable, value]) => [variable, base64(value)])),
          })),
        ),
      },
      child,
    );
    const claims = (["config", "data"] as const).map(
      (volume) =>
        new PersistentVolumeClaim(
          `${name}${podChildren[volume].suffix}`,
          {
            // A claim may be bound only once a pod uses it.
            metadata: metadata(claimName(name, volume, args.uid), SKIP_AWAIT),
            spec: {
              accessModes: ["ReadWriteOnce"],
              ...(args.storageClass !== undefined && { storageClassName: args.storageClass }),
              resources: { requests: { storage: volume === "config" ? CONFIG_SIZE : args.storage.size } },
            },
          },
          { ...child, retainOnDelete: args.deletionPolicy === "retain" },
        ),
    );
    const [configClaim, dataClaim] = claims.map(({ metadata: { name: claim } }) => claim) as [pulumi.Output<string>, pulumi.Output<string>];
    this.dataClaim = dataClaim;

    const ports = claw.ports;
    const service = new Service(
      `${name}${podChildren.service.suffix}`,
      {
        metadata: metadata(this.objectName, SKIP_AWAIT),
        spec: {
          clusterIP: "None",
          selector,
          ports: [{ name: "claw", port: ports.exposed, targetPort: "claw", protocol: "TCP" }],
        },
      },
      child,
    );
    const settings = pulumi.all([args.images, args.resources, args.serviceAccount, args.priorityClass, args.restartedAt]);
    const template = pulumi
      .all([runtime, claw, settings, secret.metadata.name, configClaim, dataClaim])
      .apply(([resolved, inPod, [images, resources, serviceAccount, priorityClass, restartedAt], boots, config, data]) =>
        podTemplate({
          runtime: resolved,
          claw: inPod,
          labels,
          spreadOver: tenantLabels(args.tenant),
          restartedAt,
          resources,
          images,
          serviceAccount,
          priorityClass,
          secret: boots,
          claims: { config, data },
        }),
      );
    new StatefulSet(
      `${name}${podChildren.statefulSet.suffix}`,
      {
        metadata: metadata(this.objectName, args.skipAwait ? SKIP_AWAIT : undefined),
        spec: {
          replicas: pulumi.output(args.running).apply((running) => (running ? 1 : 0)),
          serviceName: service.metadata.name,
          // Otherwise a pod that never became ready would have to be deleted by hand before a cure takes effect.
          podManagementPolicy: "Parallel",
          revisionHistoryLimit: 2,
          selector: { matchLabels: selector },
          template,
        },
      },
      { ...child, ...(opts?.dependsOn !== undefined && { dependsOn: opts.dependsOn }) },
    );
    new PodDisruptionBudget(
      `${name}${podChildren.disruptionBudget.suffix}`,
      {
        metadata: metadata(this.objectName),
        spec: {
          maxUnavailable: pulumi.output(args.evictable ?? true).apply((evictable) => (evictable ? 1 : 0)),
          selector: { matchLabels: selector },
          unhealthyPodEvictionPolicy: "AlwaysAllow",
        },
      },
      child,
    );
    if (args.networkPolicy) {
      new NetworkPolicy(
        `${name}${podChildren.networkPolicy.suffix}`,
        {
          metadata: metadata(this.objectName),
          spec: {
            podSelector: { matchLabels: selector },
            policyTypes: ["Ingress"],
            ingress: args.exposure ? [{ ports: [{ port: "claw", protocol: "TCP" }] }] : [],
          },
        },
        child,
      );
    }
    const backend = { name: service.metadata.name, port: ports.exposed };
    if (args.exposure?.ingress) {
      const { className, host, tlsSecret } = args.exposure.ingress;
      new Ingress(
        `${name}${podChildren.ingress.suffix}`,
        {
          metadata: metadata(this.objectName, SKIP_AWAIT),
          spec: {
            ingressClassName: className,
            rules: [
              {
                host,
                http: {
                  paths: [{ path: "/", pathType: "Prefix", backend: { service: { name: backend.name, port: { number: backend.port } } } }],
                },
              },
            ],
            ...(tlsSecret !== undefined && { tls: [{ hosts: [host], secretName: tlsSecret }] }),
          },
        },
        child,
      );
    }
    if (args.exposure?.gateway) {
      const { name: gateway, namespace, host } = args.exposure.gateway;
      new CustomResource(
        `${name}${podChildren.httpRoute.suffix}`,
        {
          apiVersion: "gateway.networking.k8s.io/v1",
          kind: "HTTPRoute",
          metadata: metadata(this.objectName),
          spec: {
            hostnames: [host],
            parentRefs: [{ name: gateway, ...(namespace !== undefined && { namespace }) }],
            rules: [{ backendRefs: [backend] }],
          },
        },
        child,
      );
    }
    this.registerOutputs({ objectName: this.objectName, specDigest: this.specDigest, dataClaim: this.dataClaim });
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
