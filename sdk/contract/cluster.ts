import { z } from "zod";
import type { Audited } from "./audited.ts";
import { boundedRecord, DisplayNameSchema, INSTANCES_MAX } from "./bounds.ts";
import type { Id } from "./ids.ts";
import type { KindFacts } from "./kind.ts";
import { LOCAL_CLUSTER } from "./local.ts";
import { ConditionSchema, LabelsSchema, MetadataInputSchema, manifestOf, NameSchema, pageOf, QuantitySchema, resourceOf } from "./meta.ts";

/** Kubernetes' own, and any other text of that length. */
const TaintKeySchema = z.string().min(1).max(317);
const TaintValueSchema = z.string().max(63);
const TolerationSchema = z.strictObject({ key: TaintKeySchema, value: TaintValueSchema.optional() });

/**
 * Where an instance is to run: one cluster by name, or any whose labels match. Decided when the instance is created, and kept until its
 * own placement says otherwise or the cluster is drained.
 */
export const PlacementSchema = z
  .strictObject({
    cluster: NameSchema.optional(),
    selector: LabelsSchema.optional(),
    /** Taints of clusters that `selector` may choose all the same; one without a value takes any. */
    tolerations: z.array(TolerationSchema).max(64).default([]),
  })
  .refine((placement) => (placement.cluster === undefined) !== (placement.selector === undefined), "give either 'cluster' or 'selector'");
export type Placement = z.infer<typeof PlacementSchema>;

const isSocketUrl = (text: string) => URL.canParse(text) && ["ws:", "wss:"].includes(new URL(text).protocol);
const CidrSchema = z.union([z.cidrv4().max(64), z.cidrv6().max(64)]);

/** The name of an object of the cluster's. */
const ObjectNameSchema = z.string().min(1).max(253);
const ImageSchema = z.string().min(1).max(512);
const HostSchema = z.string().min(1).max(512);

/** What instances may add up to on a cluster; an absent bound is what its nodes offer. */
export const ClusterCapacitySchema = z.strictObject({
  instances: z.int().min(0).max(INSTANCES_MAX).optional(),
  cpu: QuantitySchema.optional(),
  memory: QuantitySchema.optional(),
});

export const ClusterSpecSchema = z.strictObject({
  displayName: DisplayNameSchema.optional(),
  /** How the control plane gets in. A kubeconfig may use certificates, tokens or an `exec` plugin; it is never answered again. */
  credentials: z.discriminatedUnion("source", [
    z.strictObject({
      source: z.literal("kubeconfig"),
      /** The text itself; `[secret]` keeps the stored one. */
      kubeconfig: z
        .string()
        .min(1)
        .max(256 * 1024),
      /** The kubeconfig's own current context when absent. */
      context: z.string().max(512).optional(),
    }),
    /** The service account of the pod that the control plane runs in. */
    z.strictObject({ source: z.literal("inCluster") }),
  ]),
  /** Takes no new instances: `claw clusters drain` sets it. */
  unschedulable: z.boolean().default(false),
  /** Keeps away instances that choose by selector and do not tolerate it. */
  taints: z
    .array(z.strictObject({ key: TaintKeySchema, value: TaintValueSchema.default("") }))
    .max(64)
    .default([]),
  capacity: ClusterCapacitySchema.default({}),
  /** Whether ClawInstances, ConfigTemplates and Tenants that are written to the cluster itself (`kubectl apply`) count. */
  crds: z.boolean().default(false),
  /** Where agents dial the control plane, as seen from the cluster's pods: `wss://claw.example.com/agent/v1`. */
  agentUrl: z.string().max(2048).refine(isSocketUrl, "not a ws:// or wss:// URL"),
  images: z.strictObject({
    /** The agent's image. */
    agent: ImageSchema,
    /** Claw type → its image; `${version}` stands for the instance's version. */
    claws: boundedRecord(z.string().max(63), ImageSchema, 100).default({}),
    pullPolicy: z.enum(["Always", "IfNotPresent", "Never"]).default("IfNotPresent"),
    /** Secrets of the tenants' namespaces that hold registry credentials. */
    pullSecrets: z.array(NameSchema).max(64).default([]),
  }),
  /** Of the instances' volumes; the cluster's default class when absent. */
  storageClass: ObjectNameSchema.optional(),
  /** A PriorityClass that the cluster has. */
  priorityClass: ObjectNameSchema.optional(),
  networkPolicy: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** Where the control plane is: what agents may always reach. */
      controlPlaneCidrs: z.array(CidrSchema).max(256).default([]),
      /** What claws may reach besides, on any port. */
      allowedEgress: z.array(CidrSchema).max(256).default([]),
    })
    .prefault({}),
  /** For instances with `network.expose`; `host` may use `${instance}` and `${tenant}`. */
  ingress: z.strictObject({ className: ObjectNameSchema, host: HostSchema, tlsSecret: ObjectNameSchema.optional() }).optional(),
  /** The same by a Gateway that the cluster has. */
  gateway: z.strictObject({ name: ObjectNameSchema, namespace: NameSchema.optional(), host: HostSchema }).optional(),
  /** Whether draining a node by the cluster's own means may end claws there; otherwise only the control plane moves them. */
  evictable: z.boolean().default(true),
  /** A tenant's namespace is this and the tenant's name. Can't be changed while the cluster is in use. */
  namespacePrefix: z
    .string()
    .max(20)
    .regex(/^[a-z0-9]([a-z0-9-]*)?$/, "lower-case letters, digits and '-', beginning with a letter or digit")
    .default("claw-"),
});
export type ClusterSpec = z.infer<typeof ClusterSpecSchema>;

export const ClusterPhase = {
  /** Not asked yet. */
  Pending: "Pending",
  Ready: "Ready",
  /** Reachable, and closed for new instances. */
  Cordoned: "Cordoned",
  Unreachable: "Unreachable",
} as const;
export type ClusterPhase = (typeof ClusterPhase)[keyof typeof ClusterPhase];

const AmountSchema = z.object({ instances: z.int().optional(), cpu: z.string().optional(), memory: z.string().optional() });

export const ClusterStatusSchema = z.object({
  phase: z.enum(ClusterPhase),
  /** Of its API server. */
  version: z.string().optional(),
  nodes: z.int().optional(),
  /** What it offers: as declared, else what its ready nodes can allocate. */
  capacity: AmountSchema,
  /** What the instances placed on it add up to. */
  allocated: AmountSchema.required(),
  conditions: z.array(ConditionSchema),
});
export type ClusterStatus = z.infer<typeof ClusterStatusSchema>;

export const ClusterInputSchema = manifestOf("Cluster", ClusterSpecSchema).safeExtend({
  metadata: MetadataInputSchema.extend({
    name: NameSchema.refine((name) => name !== LOCAL_CLUSTER, "'local' is the control plane's host"),
  }),
});
export type ClusterInput = z.infer<typeof ClusterInputSchema>;

export const ClusterSchema = resourceOf("Cluster", ClusterSpecSchema, ClusterStatusSchema);
export type Cluster = z.infer<typeof ClusterSchema>;
export const ClusterPageSchema = pageOf(ClusterSchema);

export const clusterFacts = {
  kind: "Cluster",
  noun: "cluster",
  area: "cluster",
  idPrefix: "cls",
  scope: "platform",
  access: { read: "clusters.read", write: "clusters.write" },
  actions: [],
  input: ClusterInputSchema,
  schema: ClusterSchema,
  errors: {
    in_use: { status: 409, title: "The cluster is in use", retryable: false, fault: "caller" },
  },
  audited: {
    displayName: "track",
    credentials: { source: "track", kubeconfig: "secret", context: "track" },
    unschedulable: "track",
    taints: { key: "track", value: "track" },
    capacity: { instances: "track", cpu: "track", memory: "track" },
    crds: "track",
    agentUrl: "track",
    images: { agent: "track", claws: "track", pullPolicy: "track", pullSecrets: "track" },
    storageClass: "track",
    priorityClass: "track",
    networkPolicy: { enabled: "track", controlPlaneCidrs: "track", allowedEgress: "track" },
    ingress: { className: "track", host: "track", tlsSecret: "track" },
    gateway: { name: "track", namespace: "track", host: "track" },
    evictable: "track",
    namespacePrefix: "track",
  } satisfies Audited<ClusterSpec>,
} as const satisfies KindFacts;
export type ClusterId = Id<(typeof clusterFacts)["idPrefix"]>;

/**
 * What a drain did, or would do: an instance whose data can't come along stays, and says why. Of each list 256 kB are given; those that stay
 * are named again by the next drain, and each one that moves has an event of it.
 */
export const DrainSchema = z.object({
  cluster: z.string(),
  /** How many instances it is, whether there was room to list them or not. */
  summary: z.object({ moved: z.int(), stays: z.int() }),
  moved: z.array(z.object({ tenant: z.string(), instance: z.string(), to: z.string() })),
  stays: z.array(z.object({ tenant: z.string(), instance: z.string(), reason: z.string() })),
});
export type Drain = z.infer<typeof DrainSchema>;
