import { z } from "zod";
import { AUDIT_DAYS_MAX, AUDIT_DAYS_MIN } from "./audit.ts";
import type { Audited } from "./audited.ts";
import { DisplayNameSchema, INSTANCES_MAX, TextSchema } from "./bounds.ts";
import { PlacementSchema } from "./cluster.ts";
import { ConditionType } from "./conditions.ts";
import type { Id } from "./ids.ts";
import { carriedStatus, conditionPath, type KindFacts, PLACEMENT_RULE } from "./kind.ts";
import { ConditionSchema, manifestOf, pageOf, QuantitySchema, resourceOf } from "./meta.ts";
import { ConsoleRulesSchema } from "./recordings.ts";

/** Upper bounds; an absent one is unlimited. */
export const QuotaSchema = z.strictObject({
  instances: z.int().min(0).max(INSTANCES_MAX).optional(),
  cpu: QuantitySchema.optional(),
  memory: QuantitySchema.optional(),
  storage: QuantitySchema.optional(),
});
export type Quota = z.infer<typeof QuotaSchema>;

/** `used` is a sum, which may be more than one quantity may be. */
export const QuotaStatusSchema = z.object({
  hard: QuotaSchema,
  used: z.object({ instances: z.int(), cpu: z.string(), memory: z.string(), storage: z.string() }),
});
export type QuotaStatus = z.infer<typeof QuotaStatusSchema>;

export const TenantSpecSchema = z.strictObject({
  displayName: DisplayNameSchema.optional(),
  quota: QuotaSchema.default({}),
  /**
   * Access policies by name: `max-replicas`, `allowed-types`, `allowed-versions`, `allowed-models` (comma-separated lists). `allowed-models` is about every
   * model that a claw's rendered configuration names: `anthropic/claude-sonnet-5` or `claude-sonnet-5`, or `anthropic/*` for all of a provider's.
   */
  policies: z
    .array(z.strictObject({ name: z.string().min(1).max(63), value: TextSchema }))
    .max(64)
    .default([]),
  admins: z.array(z.string().max(320)).max(256).default([]),
  /** Of new instances that name none of their own. */
  placement: PlacementSchema.optional(),
  /**
   * Whether its people may place instances on `local`, the control plane's own host, though there are clusters. Without a cluster they may. Set by whoever may use the host.
   */
  allowLocal: z.boolean().optional(),
  /** Records of its audit log that are older are removed, and recordings of its terminals; for ever when absent. */
  auditRetentionDays: z.int().min(AUDIT_DAYS_MIN).max(AUDIT_DAYS_MAX).optional(),
  /** Of terminals inside its instances. */
  consoles: ConsoleRulesSchema.optional(),
});
export type TenantSpec = z.infer<typeof TenantSpecSchema>;

export const TenantInputSchema = manifestOf("Tenant", TenantSpecSchema);
export type TenantInput = z.infer<typeof TenantInputSchema>;

export const TenantSchema = resourceOf("Tenant", TenantSpecSchema, z.object({ instances: z.int(), conditions: z.array(ConditionSchema) }));
export type Tenant = z.infer<typeof TenantSchema>;
export const TenantPageSchema = pageOf(TenantSchema);

export const tenantFacts = {
  kind: "Tenant",
  noun: "tenant",
  area: "tenant",
  idPrefix: "ten",
  scope: "itself",
  access: { read: "tenants.read", write: "tenants.write" },
  actions: [],
  input: TenantInputSchema,
  schema: TenantSchema,
  customResource: {
    plural: "tenants",
    shortNames: ["clawtenant"],
    spec: TenantSpecSchema,
    status: z.object({ instances: z.int().optional(), ...carriedStatus }),
    columns: [
      ["Instances", "integer", ".status.instances"],
      ["Quota", "integer", ".spec.quota.instances"],
      ["Accepted", "string", conditionPath(ConditionType.Accepted, "status")],
    ],
    rules: { "spec.placement": [PLACEMENT_RULE] },
    keys: { "spec.policies": "name" },
  },
  errors: {
    not_empty: { status: 409, title: "The tenant still has instances", retryable: false, fault: "caller" },
    required: { status: 400, title: "No tenant was named", retryable: false, fault: "caller" },
    quota_exceeded: { status: 403, title: "Quota exceeded", retryable: false, fault: "tenant" },
    too_many_streams: { status: 429, title: "The tenant has too many streams open", retryable: true, fault: "tenant" },
  },
  audited: {
    displayName: "track",
    quota: { instances: "track", cpu: "track", memory: "track", storage: "track" },
    policies: { name: "track", value: "track" },
    admins: "track",
    allowLocal: "track",
    consoles: { record: "track", idleMinutes: "track" },
    auditRetentionDays: "track",
    placement: { cluster: "track", selector: "track", tolerations: { key: "track", value: "track" } },
  } satisfies Audited<TenantSpec>,
} as const satisfies KindFacts;
export type TenantId = Id<(typeof tenantFacts)["idPrefix"]>;

export const ProjectSpecSchema = z.strictObject({ displayName: DisplayNameSchema.optional(), quota: QuotaSchema.default({}) });
export type ProjectSpec = z.infer<typeof ProjectSpecSchema>;

export const ProjectInputSchema = manifestOf("Project", ProjectSpecSchema.prefault({}));
export type ProjectInput = z.infer<typeof ProjectInputSchema>;

export const ProjectSchema = resourceOf(
  "Project",
  ProjectSpecSchema,
  z.object({ instances: z.int(), conditions: z.array(ConditionSchema) }),
);
export type Project = z.infer<typeof ProjectSchema>;
export const ProjectPageSchema = pageOf(ProjectSchema);

export const projectFacts = {
  kind: "Project",
  noun: "project",
  area: "project",
  idPrefix: "prj",
  scope: "tenant",
  access: { read: "projects.read", write: "projects.write" },
  actions: [],
  input: ProjectInputSchema,
  schema: ProjectSchema,
  errors: {
    not_empty: { status: 409, title: "The project still has instances", retryable: false, fault: "caller" },
  },
  audited: {
    displayName: "track",
    quota: { instances: "track", cpu: "track", memory: "track", storage: "track" },
  } satisfies Audited<ProjectSpec>,
} as const satisfies KindFacts;
export type ProjectId = Id<(typeof projectFacts)["idPrefix"]>;
