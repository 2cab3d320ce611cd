import { z } from "zod";
import { ArchiveUrlSchema, PackageNameSchema, RelativePathSchema, Sha256Schema, TypeNameSchema, VersionSchema } from "./identifiers.ts";
import { LOCAL_CLUSTER } from "./local.ts";
import { NameSchema } from "./meta.ts";
import { QuotaSchema } from "./tenant.ts";

/**
 * How a claw is installed, started, watched and stopped, as plain data: what an adapter's `injectRuntime` answers, what the
 * ClawInstance component declares and what the agent interprets. Strings may use the placeholders `${configDir}`, `${dataDir}`,
 * `${runDir}`, `${softwareDir}`, `${port}` and `${node}` (the Node.js program the agent itself runs on); contents of `files` may use
 * those of directories only, since files are written before the port is chosen.
 */
export const ClawRuntimeSchema = z.object({
  /** Where its software comes from. `inline` needs no installation: its files are part of `files`. `image`: it is in the image, and runs on clusters alone. */
  software: z.discriminatedUnion("source", [
    z.object({ source: z.literal("npm"), package: PackageNameSchema, version: VersionSchema }),
    z.object({ source: z.literal("archive"), url: ArchiveUrlSchema, sha256: Sha256Schema, version: VersionSchema }),
    z.object({ source: z.literal("inline"), version: VersionSchema }),
    z.object({ source: z.literal("image"), version: VersionSchema }),
  ]),
  /** What it runs from on a cluster that names none for its type. */
  image: z.string().optional(),
  command: z.array(z.string()).min(1),
  /**
   * What is done for it before it starts, once each: packages that it is to have beside its software. As the claw, with its folders and its
   * environment; in a pod by containers of its image, where its program is.
   */
  prepare: z
    .array(
      z.object({
        /** What it is, in messages. */
        name: z.string(),
        command: z.array(z.string()).min(1),
        /** Beside the claw's own. */
        env: z.record(z.string(), z.string()),
        timeoutSeconds: z.number().positive(),
      }),
    )
    .optional(),
  /** Literal environment variables. The agent adds PATH, HOME (in the data directory) and TMPDIR; nothing else is inherited. */
  env: z.record(z.string(), z.string()),
  /** Environment variables whose values are secret: stored encrypted, masked everywhere. */
  secretEnv: z.record(z.string(), z.string()),
  /** Rendered files. `path` is relative to the config directory. Written atomically with mode 0600. */
  files: z.array(z.object({ path: RelativePathSchema, content: z.string() })),
  /** Paths of the host itself that it is to see: its software, a socket. Platform administrators name them. */
  hostPaths: z.array(z.string()).optional(),
  /** Digest of everything that needs a restart to take effect; what is not in it is reloaded by the claw itself. */
  restartDigest: z.string(),
  port: z.object({
    /** A port the user insists on; otherwise the agent allocates one. */
    fixed: z.int().optional(),
    /** Ports kept free from the base port on. */
    span: z.int().min(1),
  }),
  probes: z.object({
    startup: z.lazy(() => HttpProbeSchema),
    readiness: z.lazy(() => HttpProbeSchema),
    liveness: z.lazy(() => HttpProbeSchema),
  }),
  startup: z.object({
    timeoutSeconds: z.number().positive(),
    /** Whether its start costs so much CPU that a host staggers starts. */
    heavy: z.boolean(),
  }),
  stop: z.object({
    signal: z.enum(["SIGTERM", "SIGINT"]),
    /** How long a turn in flight may take before SIGKILL. */
    graceSeconds: z.number().nonnegative(),
  }),
  /** Signal for a restart in place, when the claw has one; else stop and start. */
  restartSignal: z.enum(["SIGUSR2", "SIGHUP"]).optional(),
  /** Exit codes with a meaning of their own; codes that are not listed are crashes, restarted with back-off. */
  exitCodes: z.record(
    z.string(),
    z.object({
      reason: z.string(),
      message: z.string(),
      restart: z.boolean(),
    }),
  ),
  /** What its end means before it was ready, whatever its code, when its last lines have such a text: it is not started again. */
  lastWords: z.array(z.object({ says: z.string().min(1).max(200), reason: z.string(), message: z.string() })).optional(),
  /** How it is found out why it ended without having been ready, as the claw and confined like it; in a pod, in its own container. */
  explain: z
    .object({
      /** Prints JSON whose `issues` have `path` and `message`: what is wrong with its configuration. */
      command: z.array(z.string()).min(1),
      /** Lines of its output that hold one of these say nothing that helps: advice for who runs it by hand. */
      ignore: z.array(z.string()),
    })
    .optional(),
  /** How a message is sent to it; absent when it can't be talked to. */
  chat: z
    .object({
      protocol: z.literal("openai-chat-completions"),
      path: z.string(),
      model: z.string(),
      /** Name of the secret variable that holds the bearer token. */
      tokenEnv: z.string().optional(),
    })
    .optional(),
  /** How it is asked whether it uses its config files as they are; absent when it can't be asked. A start that succeeds has used them. */
  configCheck: z
    .object({
      protocol: z.literal("openclaw-gateway"),
      /** Name of the secret variable that holds the token. */
      tokenEnv: z.string(),
      /** Digest of the files: what its answer is about. */
      digest: z.string(),
    })
    .optional(),
  /** How it is asked which of its channels work; absent when it has none, or can't be asked. */
  channelCheck: z
    .object({
      protocol: z.literal("openclaw-gateway"),
      /** Name of the secret variable that holds the token. */
      tokenEnv: z.string(),
      /** Those that are declared, by name: one that the claw knows nothing of does not work. */
      channels: z.array(z.string()).min(1),
    })
    .optional(),
  /** Command of an interactive terminal inside the instance; a shell in its directory when absent. */
  console: z.array(z.string()).optional(),
});
export type ClawRuntime = z.infer<typeof ClawRuntimeSchema>;

/** A GET whose JSON body must contain `expect`: a status alone proves nothing, since some claws answer 200 with HTML to any path. */
export const HttpProbeSchema = z.object({
  path: z.string(),
  expect: z.record(z.string(), z.json()),
  periodSeconds: z.number().positive(),
  failureThreshold: z.int().min(1),
});
export type HttpProbe = z.infer<typeof HttpProbeSchema>;

/** What tells an instance from any other, for ever: an id of ours, or what a program of its own made up. */
const UidSchema = z.string().regex(/^[A-Za-z0-9_-]{1,63}$/, "must be letters, digits, '_' and '-'");

/** One instance with everything resolved: templates, levels, secrets. */
export const ResolvedInstanceSchema = z.object({
  uid: UidSchema,
  name: NameSchema,
  project: NameSchema,
  type: TypeNameSchema,
  running: z.boolean(),
  /** Changes ask for a restart: the generation at which it was asked for. */
  restartedAt: z.string().optional(),
  deletionPolicy: z.enum(["retain", "delete"]),
  storage: z.object({ configDir: z.string().optional(), dataDir: z.string().optional(), size: z.string() }),
  resources: z.object({ cpu: z.string(), memory: z.string() }),
  /** Whether it is reachable from outside its cluster, where that has an ingress. */
  expose: z.boolean(),
  runtime: ClawRuntimeSchema,
  /** What the agent presents to the control plane. Secret. */
  agentToken: z.string(),
});
export type ResolvedInstance = z.infer<typeof ResolvedInstanceSchema>;

/** This host: claws are processes below `rootDir`. */
export const ProcessTargetSchema = z.object({
  runtime: z.literal("process"),
  /** The host folder that holds instances, caches and run files. */
  rootDir: z.string(),
  /** Where agents dial in: `ws://127.0.0.1:8787/agent/v1`. */
  agentUrl: z.string(),
});
export type ProcessTarget = z.infer<typeof ProcessTargetSchema>;

/** A Kubernetes cluster: claws are pods of the tenant's namespace. */
export const KubernetesTargetSchema = z.object({
  runtime: z.literal("kubernetes"),
  /** The cluster's name, a DNS label: part of the stack's name. */
  cluster: z.string(),
  /** Text of a kubeconfig, secret. Empty: the service account of the pod that runs the operation. */
  kubeconfig: z.string(),
  /** The kubeconfig's context; its current one when absent. */
  context: z.string().optional(),
  /** The tenant's namespace in this cluster. */
  namespace: z.string(),
  /** Where agents dial in, as seen from inside the cluster. */
  agentUrl: z.string(),
  images: z.object({
    agent: z.string(),
    /** Claw type → its image; `${version}` stands for the instance's version. */
    claws: z.record(z.string(), z.string()),
    pullPolicy: z.enum(["Always", "IfNotPresent", "Never"]).default("IfNotPresent"),
    /** Secrets of the namespace that hold registry credentials. */
    pullSecrets: z.array(z.string()).default([]),
  }),
  /** Of the instances' volumes; the cluster's default when absent. */
  storageClass: z.string().optional(),
  /** Name of a PriorityClass that the cluster has. */
  priorityClass: z.string().optional(),
  networkPolicy: z.object({
    enabled: z.boolean(),
    /** Where the control plane is: what agents may always reach. */
    controlPlaneCidrs: z.array(z.string()),
    /** What claws may reach besides: CIDRs, all ports. */
    allowedEgress: z.array(z.string()),
  }),
  /** Of instances with `expose`; `host` may use `${instance}` and `${tenant}`. */
  ingress: z.object({ className: z.string(), host: z.string(), tlsSecret: z.string().optional() }).optional(),
  /** The same by a Gateway that the cluster has. */
  gateway: z.object({ name: z.string(), namespace: z.string().optional(), host: z.string() }).optional(),
  /** Whether draining a node by its cluster's own means may end claws there; otherwise only the control plane moves them. */
  evictable: z.boolean().default(true),
  /** The tenant's. */
  quota: QuotaSchema,
  /** Id of the control plane, by which it knows its own objects again; they don't carry it when it is absent. */
  controlPlane: UidSchema.optional(),
});
export type KubernetesTarget = z.infer<typeof KubernetesTargetSchema>;

/** Where a stack's instances run. */
export const StackTargetSchema = z.discriminatedUnion("runtime", [ProcessTargetSchema, KubernetesTargetSchema]);
export type StackTarget = z.infer<typeof StackTargetSchema>;

/** The cluster that a target is, by name: one that names none is the control plane's own host. */
export function clusterOf(target: StackTarget): string {
  return "cluster" in target ? target.cluster : LOCAL_CLUSTER;
}

/**
 * What the program `stacks/tenant` is a pure function of: a tenant's instances on one target. A change of one instance evaluates it
 * with that instance alone and targets its resources.
 */
export const StackSpecSchema = z.object({
  tenant: NameSchema,
  target: StackTargetSchema,
  instances: z.array(ResolvedInstanceSchema),
});
export type StackSpec = z.infer<typeof StackSpecSchema>;
/** What tells a stack from another. */
export type StackIdentity = Pick<StackSpec, "tenant" | "target">;
