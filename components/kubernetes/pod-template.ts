import type { core } from "@pulumi/kubernetes/types/input.js";
import type { ClawRuntime } from "../../sdk/contract/index.ts";
import { BOOT_DIR, BOOT_FILE, type ClawInPod, RUN_DIR } from "./pod-boot.ts";

/** The user of both containers: also who writes the config files, which are for their owner alone. */
const UID = 1000;
/** What stops last, after the claw's own time. */
const AGENT_GRACE_SECONDS = 10;
const AGENT_RESOURCES = { requests: { cpu: "10m", memory: "64Mi" }, limits: { memory: "192Mi" } };

/** What an agent's container adds to what its claw asks for, for those who count. */
export const AGENT_REQUESTS: Readonly<Record<"cpu" | "memory", string>> = AGENT_RESOURCES.requests;

export interface PodArgs {
  readonly runtime: ClawRuntime;
  readonly claw: ClawInPod;
  readonly labels: Readonly<Record<string, string>>;
  /** Labels of the pods that this one keeps away from. */
  readonly spreadOver: Readonly<Record<string, string>>;
  readonly restartedAt?: string | undefined;
  readonly resources: { readonly cpu: string; readonly memory: string };
  readonly images: {
    readonly agent: string;
    readonly claw: string;
    readonly pullPolicy: string;
    readonly pullSecrets: readonly string[];
  };
  readonly serviceAccount: string;
  readonly priorityClass?: string | undefined;
  readonly secret: string;
  readonly claims: { readonly config: string; readonly data: string };
}

/**
 * The pod of one claw. Whatever is in it restarts the claw when it changes, so that only what needs a restart is: config files are in
 * the boot file, which the agent reads again.
 */
export function podTemplate(args: PodArgs): core.v1.PodTemplateSpec {
  const { runtime, images } = args;
  return {
    metadata: {
      labels: { ...args.labels },
      annotations: {
        "clusterclaw.io/restart-digest": runtime.restartDigest,
        ...(args.restartedAt !== undefined && { "clusterclaw.io/restarted-at": args.restartedAt }),
      },
    },
    spec: {
      serviceAccountName: args.serviceAccount,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: Math.ceil(runtime.stop.graceSeconds) + AGENT_GRACE_SECONDS,
      ...(args.priorityClass !== undefined && { priorityClassName: args.priorityClass }),
      ...(images.pullSecrets.length > 0 && { imagePullSecrets: images.pullSecrets.map((name) => ({ name })) }),
      securityContext: {
        runAsNonRoot: true,
        runAsUser: UID,
        runAsGroup: UID,
        fsGroup: UID,
        fsGroupChangePolicy: "OnRootMismatch",
        seccompProfile: { type: "RuntimeDefault" },
      },
      topologySpreadConstraints: ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map((topologyKey) => ({
        maxSkew: 1,
        topologyKey,
        whenUnsatisfiable: "ScheduleAnyway",
        labelSelector: { matchLabels: { ...args.spreadOver } },
      })),
      // An init container that goes on: it has written the config before the claw starts, and ends after it.
      initContainers: [agentContainer(args), ...prepareContainers(args)],
      containers: [clawContainer(args)],
      volumes: [
        { name: "config", persistentVolumeClaim: { claimName: args.claims.config } },
        { name: "data", persistentVolumeClaim: { claimName: args.claims.data } },
        { name: "run", emptyDir: {} },
        { name: "tmp", emptyDir: {} },
        { name: "boot", secret: { secretName: args.secret, items: [{ key: BOOT_FILE, path: BOOT_FILE }] } },
      ],
    },
  };
}

function agentContainer({ claw, images }: PodArgs): core.v1.Container {
  const { dirs, ports } = claw;
  return {
    name: "agent",
    image: images.agent,
    imagePullPolicy: images.pullPolicy,
    restartPolicy: "Always",
    args: [`${BOOT_DIR}/${BOOT_FILE}`],
    ports: [
      { name: "agent", containerPort: ports.agent },
      { name: "claw", containerPort: ports.exposed },
    ],
    startupProbe: { httpGet: { path: "/healthz", port: "agent" }, periodSeconds: 1, failureThreshold: 60 },
    livenessProbe: { httpGet: { path: "/healthz", port: "agent" }, periodSeconds: 10, failureThreshold: 3 },
    resources: AGENT_RESOURCES,
    securityContext: CONTAINER_SECURITY,
    volumeMounts: [...storageMounts(dirs), { name: "run", mountPath: RUN_DIR }, { name: "boot", mountPath: BOOT_DIR, readOnly: true }],
  };
}

/** What is done for the claw before it starts, one after another. */
function prepareContainers(args: PodArgs): core.v1.Container[] {
  return args.claw.prepare.map((command, index) => asClaw(args, `prepare-${index}`, command));
}

/** A container that is in all but its command the claw's. */
function asClaw({ claw, images, resources, secret }: PodArgs, name: string, args: readonly string[]): core.v1.Container {
  return {
    name,
    image: images.claw,
    imagePullPolicy: images.pullPolicy,
    // Arguments, so that an image may bring an init of its own as its entry point.
    args: args.map(literal),
    workingDir: claw.dirs.dataDir,
    env: [
      ...claw.env.map(([variable, value]) => ({ name: variable, value: literal(value) })),
      ...claw.secretEnv.map(([variable]) => ({ name: variable, valueFrom: { secretKeyRef: { name: secret, key: variable } } })),
    ],
    resources: { requests: { ...resources }, limits: { ...resources } },
    securityContext: CONTAINER_SECURITY,
    volumeMounts: [...storageMounts(claw.dirs), { name: "run", mountPath: RUN_DIR }, { name: "tmp", mountPath: "/tmp" }],
  };
}

function clawContainer(args: PodArgs): core.v1.Container {
  const { runtime, claw } = args;
  const { startup, readiness, liveness } = runtime.probes;
  // The agent answers for the claw: the kubelet sees a status only, and a claw may answer 200 to anything.
  const probe = (kind: string, periodSeconds: number, failureThreshold: number) => ({
    httpGet: { path: `/probes/${kind}`, port: claw.ports.agent },
    periodSeconds: Math.max(1, Math.round(periodSeconds)),
    timeoutSeconds: 3,
    failureThreshold,
  });
  return {
    ...asClaw(args, "claw", claw.args),
    startupProbe: probe("startup", Math.min(1, startup.periodSeconds), Math.ceil(runtime.startup.timeoutSeconds)),
    readinessProbe: probe("readiness", readiness.periodSeconds, readiness.failureThreshold),
    livenessProbe: probe("liveness", liveness.periodSeconds, liveness.failureThreshold),
  };
}

const CONTAINER_SECURITY: core.v1.SecurityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
};

function storageMounts({ configDir, dataDir }: ClawInPod["dirs"]): core.v1.VolumeMount[] {
  const data = { name: "data", mountPath: dataDir };
  return configDir === dataDir ? [data] : [{ name: "config", mountPath: configDir }, data];
}

/** The text as it is: Kubernetes expands `$(NAME)` in arguments and variables. */
function literal(text: string): string {
  return text.replaceAll("$", "$$$$");
}
