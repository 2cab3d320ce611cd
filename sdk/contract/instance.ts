import { z } from "zod";
import { ConfinementSchema } from "./agent.ts";
import type { Audited } from "./audited.ts";
import { JsonValueSchema } from "./bounds.ts";
import { PlacementSchema } from "./cluster.ts";
import { ConditionType } from "./conditions.ts";
import { ConfigKeySchema } from "./config-key.ts";
import { FolderSchema, TypeNameSchema, VersionSchema } from "./identifiers.ts";
import type { Id } from "./ids.ts";
import { actionOf, carriedStatus, conditionPath, type KindFacts, PLACEMENT_RULE } from "./kind.ts";
import { ConditionSchema, manifestOf, NameSchema, pageOf, QuantitySchema, resourceOf } from "./meta.ts";
import { PropertyDiffSchema } from "./property-diff.ts";
import { EventType } from "./reasons.ts";

export const InstancePhase = {
  Creating: "Creating",
  Running: "Running",
  Stopped: "Stopped",
  Failed: "Failed",
  Destroyed: "Destroyed",
} as const;
export type InstancePhase = (typeof InstancePhase)[keyof typeof InstancePhase];

const IGNORED_MAX = 200;
const HELD_SECRETS_MAX = 100;
const TimeSchema = z.iso.datetime().max(64);

export const InstanceSpecSchema = z.strictObject({
  /** The claw type: `OpenClaw`, `Echo`, or one that the organisation brought. Case is ignored. */
  type: TypeNameSchema,
  /** An exact version of the claw's software; the type's pinned version when absent. */
  version: VersionSchema.optional(),
  replicas: z.int().min(0).max(1000).default(1),
  /** Desired run state: `start` and `stop` write it. */
  running: z.boolean().default(true),
  resources: z.strictObject({ cpu: QuantitySchema.default("1"), memory: QuantitySchema.default("2Gi") }).prefault({}),
  config: z
    .strictObject({
      /** The ConfigTemplate; the type's own defaults when absent. */
      template: NameSchema.optional(),
      /** The version of the template that it is held to; the newest when absent. */
      version: z.int().min(1).optional(),
      /** Values of secrets that it has before everybody does, by their numbers: rollouts hold it to them. One that everybody has by now says nothing. */
      secrets: z
        .array(z.strictObject({ name: NameSchema, number: z.int().min(1) }))
        .max(HELD_SECRETS_MAX)
        .optional(),
      /**
       * The instance's own values, strongest of all; null takes one away. In a text `${NAME}` stands for an environment variable of the claw, which
       * `environment.NAME` sets; `$${NAME}` is that text itself.
       */
      overrides: z
        .array(z.strictObject({ key: ConfigKeySchema, value: JsonValueSchema }))
        .max(1000)
        .default([]),
      /** Differences of what it runs with that are nobody's business until then. */
      ignored: z
        .array(z.strictObject({ key: ConfigKeySchema, until: TimeSchema }))
        .max(IGNORED_MAX)
        .optional(),
    })
    .prefault({}),
  storage: z
    .strictObject({
      configDir: FolderSchema.optional(),
      dataDir: FolderSchema.optional(),
      size: QuantitySchema.default("10Gi"),
    })
    .prefault({}),
  network: z.strictObject({ expose: z.boolean().default(false), port: z.int().min(1).max(65535).optional() }).prefault({}),
  /** The tenant's when absent; without either it runs on the control plane's host. */
  placement: PlacementSchema.optional(),
  /** What to do about changes that somebody makes behind the control plane's back: tell of them, undo them, or take into this what it can say. */
  drift: z.enum(["report", "repair", "adopt"]).default("report"),
  /** What happens to the data directory when the instance is deleted. */
  deletionPolicy: z.enum(["retain", "delete"]).default("retain"),
});
export type InstanceSpec = z.infer<typeof InstanceSpecSchema>;

/** A resource of an instance that is not as declared any more, and who did it as far as the cluster knows. */
export const DriftSchema = z.object({
  urn: z.string(),
  /** `apps/v1/StatefulSet claw-acme/web` */
  resource: z.string(),
  op: z.enum(["changed", "deleted"]),
  /** `before` is what was declared, `after` what is. */
  diffs: z.array(PropertyDiffSchema),
  /** The field manager that wrote it; a deletion leaves none. */
  manager: z.string().optional(),
  time: z.iso.datetime().optional(),
  detectedAt: z.iso.datetime(),
  /** Where the policy is to adopt: why this, or a part of it, can't be. */
  notAdopted: z.string().optional(),
});
export type Drift = z.infer<typeof DriftSchema>;

export const InstanceStatusSchema = z.object({
  phase: z.enum(InstancePhase),
  observedGeneration: z.int(),
  readyReplicas: z.int(),
  lastTransitionTime: z.iso.datetime(),
  conditions: z.array(ConditionSchema),
  /** Where it runs: a cluster's name, or `local`. */
  cluster: z.string(),
  /** Whether it can't take more than its `resources` there; else they are only counted against quotas. */
  resourcesEnforced: z.boolean(),
  /** Absent when everything is as declared. */
  drift: z.array(DriftSchema).optional(),
  /** The software's version that runs. */
  version: z.string().optional(),
  restarts: z.int(),
  /** What the claw takes, as it was last measured: `120m` of a core, `85Mi`. Absent where nobody measures it, or has not lately. */
  usage: z.object({ cpu: QuantitySchema, memory: QuantitySchema, time: z.iso.datetime() }).optional(),
  /** What keeps it away from others on the control plane's host: `user` (a Unix user of its tenant's), `sandbox` (bubblewrap) or `none`. */
  confinement: ConfinementSchema.optional(),
  /** Its pod, on a cluster. */
  pod: z.object({ name: z.string(), node: z.string().optional() }).optional(),
  /** Number of the config version it runs with, when it uses a template. */
  configVersion: z.int().optional(),
});
export type InstanceStatus = z.infer<typeof InstanceStatusSchema>;

/** A manifest as people write it. */
export const ClawInstanceInputSchema = manifestOf("ClawInstance", InstanceSpecSchema);
export type ClawInstanceInput = z.infer<typeof ClawInstanceInputSchema>;

export const ClawInstanceSchema = resourceOf("ClawInstance", InstanceSpecSchema, InstanceStatusSchema);
export type ClawInstance = z.infer<typeof ClawInstanceSchema>;
export const ClawInstancePageSchema = pageOf(ClawInstanceSchema);

export const startAction = actionOf("start", "instances.operate");
export const stopAction = actionOf("stop", "instances.operate");
export const restartAction = actionOf("restart", "instances.operate");
export const killAction = actionOf("kill", "instances.operate");
/**
 * The version of its template that an instance is held to; null for the newest, whichever that is. With `secret` the number of that secret's value
 * instead; null for the one that everybody has.
 */
export const PinRequestSchema = z.strictObject({ version: z.int().min(1).nullable(), secret: NameSchema.optional() });
export const pinAction = actionOf("pin", "instances.write", PinRequestSchema);
/** The version of the claw's program; null for its type's. */
export const UpgradeRequestSchema = z.strictObject({ version: VersionSchema.nullable() });
export const upgradeAction = actionOf("upgrade", "instances.write", UpgradeRequestSchema);
/** Which of the differences that were found: by their keys; all when absent. */
const differing = { keys: z.array(ConfigKeySchema).min(1).max(IGNORED_MAX).optional() };
export const AdoptRequestSchema = z.strictObject(differing);
/** `until` null: they count again. */
export const IgnoreRequestSchema = z.strictObject({ ...differing, until: TimeSchema.nullable() });
export const revertAction = actionOf("revert", "instances.operate");
export const adoptAction = actionOf("adopt", "instances.write", AdoptRequestSchema);
export const ignoreAction = actionOf("ignore", "instances.write", IgnoreRequestSchema);

export const instanceFacts = {
  kind: "ClawInstance",
  noun: "instance",
  area: "instance",
  idPrefix: "ins",
  scope: "tenant",
  access: { read: "instances.read", write: "instances.write" },
  actions: [startAction, stopAction, restartAction, killAction, pinAction, upgradeAction, revertAction, adoptAction, ignoreAction],
  deletedWhen: "an instance is to be destroyed",
  input: ClawInstanceInputSchema,
  schema: ClawInstanceSchema,
  customResource: {
    plural: "clawinstances",
    shortNames: ["claw", "claws"],
    spec: InstanceSpecSchema,
    status: InstanceStatusSchema.omit({ usage: true }).partial().extend(carriedStatus),
    columns: [
      ["Type", "string", ".spec.type"],
      ["Phase", "string", ".status.phase"],
      ["Ready", "string", conditionPath(ConditionType.Ready, "status")],
      ["Restarts", "integer", ".status.restarts"],
      ["Cluster", "string", ".status.cluster"],
      ["Reason", "string", conditionPath(ConditionType.Ready, "reason"), 1],
      ["Version", "string", ".status.version", 1],
      ["Template", "string", ".spec.config.template", 1],
    ],
    rules: {
      spec: [{ rule: "self.type.lowerAscii() == oldSelf.type.lowerAscii()", message: "an instance can't change its type; create another" }],
      "spec.placement": [PLACEMENT_RULE],
    },
    keys: { "spec.config.secrets": "name", "spec.config.overrides": "key", "spec.config.ignored": "key" },
  },
  errors: {
    unknown_type: { status: 422, title: "Unknown claw type", retryable: false, fault: "caller" },
    unsupported: { status: 422, title: "The instance's claw type can't do this", retryable: false, fault: "caller" },
    not_running: { status: 409, title: "The instance is not running", retryable: true, fault: "caller" },
    unreachable: { status: 503, title: "The instance's agent is not connected", retryable: true, fault: "platform" },
    no_origin: { status: 409, title: "Instances have no origins of their own", retryable: false, fault: "platform" },
  },
  audited: {
    type: "track",
    version: "track",
    replicas: "track",
    running: "track",
    resources: { cpu: "track", memory: "track" },
    config: {
      template: "track",
      version: "track",
      secrets: { name: "track", number: "track" },
      overrides: { key: "track", value: "track" },
      ignored: { key: "track", until: "track" },
    },
    storage: { configDir: "track", dataDir: "track", size: "track" },
    network: { expose: "track", port: "track" },
    placement: { cluster: "track", selector: "track", tolerations: { key: "track", value: "track" } },
    drift: "track",
    deletionPolicy: "track",
  } satisfies Audited<InstanceSpec>,
} as const satisfies KindFacts;
export type InstanceId = Id<(typeof instanceFacts)["idPrefix"]>;

/** Something that happened to an instance: a phase transition, an operation, a report of its agent. */
export const InstanceEventSchema = z.object({
  id: z.string(),
  time: z.iso.datetime(),
  type: z.enum(EventType),
  /** An `EventReason`, or the reason of an operation that failed. */
  reason: z.string(),
  message: z.string(),
  actor: z.string().optional(),
});
export type InstanceEvent = z.infer<typeof InstanceEventSchema>;
export const InstanceEventPageSchema = pageOf(InstanceEventSchema);

export const InstanceLogsSchema = z.object({ lines: z.array(z.string()) });
export type InstanceLogs = z.infer<typeof InstanceLogsSchema>;

/** The terminal that is to be opened. */
export const ConsoleRequestSchema = z.strictObject({
  cols: z.int().min(1).max(1000).default(80),
  rows: z.int().min(1).max(1000).default(24),
});
/** The WebSocket path to connect to. */
export const ConsoleAddressSchema = z.object({ url: z.string() });
/** A path of the host that is asked, as a header can hold it: what another host could be read from is none. */
export const LocalPathSchema = z
  .string()
  .max(2048)
  .regex(/^\/(?:[\x21-\x2e\x30-\x5b\x5d-\x7e][\x21-\x5b\x5d-\x7e]*)?$/, "not a path of this service, such as '/docs'");
/** Which page of the claw's a link leads to. */
export const OpenRequestSchema = z.strictObject({
  /** As the claw has it: `/ui/` where its pages are beneath that. */
  path: LocalPathSchema.default("/"),
});
/** Lets one browser in at the instance's own origin. Whoever opens it first is let in, and nobody after. */
export const InstanceLinkSchema = z.object({ url: z.string(), expiresAt: z.iso.datetime() });
