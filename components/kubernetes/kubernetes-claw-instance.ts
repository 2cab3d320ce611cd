import { CustomResource } from "@pulumi/kubernetes/apiextensions/customResource.js";
import { StatefulSet } from "@pulumi/kubernetes/apps/v1/statefulSet.js";
import { PersistentVolumeClaim } from "@pulumi/kubernetes/core/v1/persistentVolumeClaim.js";
import { Secret } from "@pulumi/kubernetes/core/v1/secret.js";
import { Service } from "@pulumi/kubernetes/core/v1/service.js";
import { Ingress } from "@pulumi/kubernetes/networking/v1/ingress.js";
import { NetworkPolicy } from "@pulumi/kubernetes/networking/v1/networkPolicy.js";
import { PodDisruptionBudget } from "@pulumi/kubernetes/policy/v1/podDisruptionBudget.js";
import * as pulumi from "@pulumi/pulumi";
import { type ClawRuntime, type KubernetesTarget, NO_CONTROL_PLANE } from "../../sdk/contract/index.ts";
import { uidOf } from "../claw-instance/uid.ts";
import { KUBERNETES_INSTANCE_TYPE, podChildren } from "./kubernetes-component.ts";
import { claimName, instanceLabels, instanceSelector, objectName, ownerLabels, tenantLabels } from "./labels.ts";
import { BOOT_FILE, clawInPod, podBoot } from "./pod-boot.ts";
import { podTemplate } from "./pod-template.ts";
import { CLAW_SERVICE_ACCOUNT } from "./tenant-boundary.ts";

/** Config files are small and made again from the boot file; what a claw adds there is kept. */
const CONFIG_SIZE = "64Mi";
const DATA_SIZE = "10Gi";
const RESOURCES = { cpu: "1", memory: "2Gi" };
const SKIP_AWAIT = { "pulumi.com/skipAwait": "true" };

/** Inputs of {@link KubernetesClawInstance}. */
export interface KubernetesClawInstanceArgs {
  /** An existing namespace: `boundary.namespace` of a {@link TenantBoundary}. */
  readonly namespace: pulumi.Input<string>;
  /** Whose it is: a DNS label, which all objects carry. */
  readonly tenant: string;
  /** The claw type. */
  readonly type: string;
  /** How the claw is configured, started, watched and stopped: by `claw`, or written by hand. Its files and its `secretEnv` are kept as secrets. */
  readonly runtime: pulumi.Input<ClawRuntime>;
  /** Further secret environment variables. Kept as a secret. @default none */
  readonly secretEnv?: pulumi.Input<Readonly<Record<string, string>>>;
  /** What its pod runs: `agent` and `claw` are images, `pullSecrets` Secrets of the namespace. @default pullPolicy "IfNotPresent", no pull secrets */
  readonly images: pulumi.Input<{
    readonly agent: string;
    readonly claw: string;
    readonly pullPolicy?: string;
    readonly pullSecrets?: readonly string[];
  }>;
  /** What groups a tenant's instances: a DNS label. @default "default" */
  readonly project?: string;
  /** What tells it from any other, for ever: letters, digits, `_` and `-`. @default made of project, stack and name */
  readonly uid?: string;
  /** Whether it is to run: one pod or none. @default true */
  readonly running?: pulumi.Input<boolean>;
  /** Any new value restarts it. */
  readonly restartedAt?: pulumi.Input<string | undefined>;
  /** What happens to its volumes when the instance is deleted. @default "retain" */
  readonly deletionPolicy?: "retain" | "delete";
  /** Of the claw's container, requests and limits alike, as Kubernetes quantities. @default 1 CPU, 2Gi */
  readonly resources?: pulumi.Input<{ readonly cpu: string; readonly memory: string }>;
  /** Its folders, as paths inside of it, and the size of the data volume as a Kubernetes quantity. @default `config`, `data`, 10Gi */
  readonly storage?: { readonly configDir?: string; readonly dataDir?: string; readonly size?: pulumi.Input<string> };
  /** Of its volumes. @default the cluster's default */
  readonly storageClass?: pulumi.Input<string> | undefined;
  /** Of its pod, in the namespace. @default "claw", as a boundary makes it */
  readonly serviceAccount?: pulumi.Input<string>;
  /** Name of a PriorityClass that the cluster has. */
  readonly priorityClass?: pulumi.Input<string> | undefined;
  /** Where its agent dials a control plane, as seen from its pod. @default none: the agent supervises it alone */
  readonly agentUrl?: pulumi.Input<string>;
  /** What the agent presents there. Kept as a secret. */
  readonly agentToken?: pulumi.Input<string>;
  /** How the claw is reached from outside its pod; not at all when absent. */
  readonly exposure?: Exposure | undefined;
  /** Whether connections to it are limited to what `exposure` allows; the tenant's boundary has the rest. @default true */
  readonly networkPolicy?: boolean;
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
 * Its provider needs `enableSecretMutable`: with another one every changed file would replace the secret, and a pod sees that when it is made anew.
 * @throws {pulumi.InputPropertyError} when `uid` can't be used
 * @example new KubernetesClawInstance("assistant", { tenant: "acme", namespace, images, ...claw({ type: "OpenClaw", token }) }, { provider })
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
    const { tenant, type, project = "default", deletionPolicy = "retain", storage = {}, networkPolicy = true } = args;
    const uid = uidOf(name, args.uid);
    const labels = instanceLabels({ tenant, project, type, uid, instance: name });
    const selector = instanceSelector(uid);
    const metadata = (ownName: string, annotations?: Record<string, pulumi.Input<string>>) => ({
      name: ownName,
      namespace: args.namespace,
      labels: { ...labels, ...ownerLabels(args.controlPlane) },
      ...(annotations && { annotations }),
    });
    const runtime = pulumi.output(args.runtime);
    const secretEnv = pulumi.all([runtime, args.secretEnv ?? {}]).apply(([own, more]) => ({ ...own.secretEnv, ...more }));
    // The pod names its secrets; their values are in the boot secret alone.
    const claw = pulumi
      .all([runtime, pulumi.unsecret(secretEnv.apply((secrets) => Object.keys(secrets)))])
      .apply(([own, names]) => clawInPod({ ...own, secretEnv: Object.fromEntries(names.map((variable) => [variable, ""])) }, storage));
    const secrets = pulumi.secret(pulumi.all([runtime, secretEnv]).apply(([own, all]) => clawInPod({ ...own, secretEnv: all }, storage)));
    const boot = pulumi
      .all([runtime, secrets, args.agentUrl ?? NO_CONTROL_PLANE, args.agentToken ?? ""])
      .apply(([resolved, inPod, agentUrl, agentToken]) =>
        podBoot(resolved, inPod, { uid, agentUrl, agentToken, isExposed: args.exposure !== undefined }),
      );
    this.specDigest = pulumi.unsecret(boot.specDigest);

    const secretName = `${this.objectName}-boot`;
    const secret = new Secret(
      `${name}${podChildren.secret.suffix}`,
      {
        metadata: metadata(secretName),
        data: pulumi.secret(
          pulumi.all([boot, secrets]).apply(([file, inPod]) => ({
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
            metadata: metadata(claimName(name, volume, uid), SKIP_AWAIT),
            spec: {
              accessModes: ["ReadWriteOnce"],
              ...(args.storageClass !== undefined && { storageClassName: args.storageClass }),
              resources: { requests: { storage: volume === "config" ? CONFIG_SIZE : (storage.size ?? DATA_SIZE) } },
            },
          },
          { ...child, retainOnDelete: deletionPolicy === "retain" },
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
    const settings = pulumi.all([
      args.images,
      args.resources ?? RESOURCES,
      args.serviceAccount ?? CLAW_SERVICE_ACCOUNT,
      args.priorityClass,
      args.restartedAt,
    ]);
    const template = pulumi
      .all([runtime, claw, settings, secret.metadata.name, configClaim, dataClaim])
      .apply(([resolved, inPod, [images, resources, serviceAccount, priorityClass, restartedAt], boots, config, data]) =>
        podTemplate({
          runtime: resolved,
          claw: inPod,
          labels,
          spreadOver: tenantLabels(tenant),
          restartedAt,
          resources,
          images: { pullPolicy: "IfNotPresent", pullSecrets: [], ...images },
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
          replicas: pulumi.output(args.running ?? true).apply((running) => (running ? 1 : 0)),
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
    if (networkPolicy) {
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
