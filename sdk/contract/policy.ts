import { z } from "zod";
import type { Audited } from "./audited.ts";
import { DisplayNameSchema, TextSchema } from "./bounds.ts";
import type { Id } from "./ids.ts";
import type { KindFacts } from "./kind.ts";
import { auditedHours, MaintenanceHoursSchema } from "./maintenance.ts";
import { ConditionSchema, LabelsSchema, manifestOf, NameSchema, pageOf, resourceOf } from "./meta.ts";

/** What becomes of an instance that violates a policy: its write is refused; or made, and whoever writes is told; or made, and an event tells of it. */
export const PolicyModeSchema = z.enum(["enforce", "warn", "audit"]);
export type PolicyMode = z.infer<typeof PolicyModeSchema>;

/** The rules that are there ready, with what their `value` is. */
export const policyRules = {
  "allowed-types": "claw types, separated by commas",
  "allowed-versions": "versions of the claw's software, separated by commas",
  "allowed-models":
    "models that a configuration may name: 'anthropic/claude-sonnet-5', 'claude-sonnet-5' or 'anthropic/*', separated by commas",
  "allowed-skills": "skills that a configuration may name or leave on, separated by commas; 'github-*' is all that begin so",
  "max-replicas": "a whole number",
  "max-resources": "most of each that one instance may ask for: 'cpu=2, memory=4Gi, storage=20Gi'",
  "exposed-ports": "ports that instances may name or be reached by: '8080, 9000-9100', or 'none' for no ways in from outside",
  "require-network-policy": "'true': instances are only where network policies keep them apart",
  "allowed-egress": "networks beyond which no cluster's 'allowedEgress' lets instances reach: '10.0.0.0/8, 2001:db8::/32', or 'none'",
  "required-labels": "labels that instances have: 'team, env=prod|dev'",
} as const satisfies Record<string, string>;
export type PolicyRule = keyof typeof policyRules;
export const POLICY_RULES = Object.keys(policyRules) as [PolicyRule, ...PolicyRule[]];

/** Longest text of one expression. */
export const EXPRESSION_MAX = 4096;

/** What a policy says: a `rule` that is there ready, an `expression`, or hours of `maintenance`. */
export const PolicySpecSchema = z
  .strictObject({
    description: DisplayNameSchema.optional(),
    mode: PolicyModeSchema.default("enforce"),
    /** Where it holds: in the whole tenant; in one `project` of it; or, from the shared tenant only, on the whole `platform`. */
    at: z
      .union(
        [z.literal("tenant"), z.literal("platform"), z.strictObject({ project: NameSchema })],
        "'tenant', 'platform' or { project: <name> }",
      )
      .default("tenant"),
    /** Only instances with these labels, and, of a policy of the platform, only these tenants'; all when absent. */
    match: z.strictObject({ labels: LabelsSchema.optional(), tenants: z.array(NameSchema).min(1).max(256).optional() }).optional(),
    rule: z.strictObject({ name: z.enum(POLICY_RULES), value: TextSchema }).optional(),
    /** In CEL, over the instance's manifest as `object`: true where it complies. As in a ValidatingAdmissionPolicy of Kubernetes. */
    expression: z.string().min(1).max(EXPRESSION_MAX).optional(),
    /** Told where the expression is not true; the expression itself when absent. */
    message: z.string().min(1).max(512).optional(),
    /** When rollouts change instances: every rollout of the tenant keeps to it, beside its own hours; of a policy of the platform, those of all tenants. */
    maintenance: MaintenanceHoursSchema.optional(),
  })
  .refine(
    ({ rule, expression, maintenance }) => [rule, expression, maintenance].filter((said) => said !== undefined).length === 1,
    "give one of 'rule', 'expression' and 'maintenance'",
  )
  .refine(
    ({ maintenance, mode, at, match }) =>
      maintenance === undefined || (mode === "enforce" && typeof at === "string" && match?.labels === undefined),
    "'maintenance' is kept to by whole rollouts: with the mode 'enforce', at 'tenant' or 'platform', and without 'match.labels'",
  );
export type PolicySpec = z.infer<typeof PolicySpecSchema>;

export const PolicyInputSchema = manifestOf("Policy", PolicySpecSchema);
export type PolicyInput = z.infer<typeof PolicyInputSchema>;
export const PolicySchema = resourceOf("Policy", PolicySpecSchema, z.object({ conditions: z.array(ConditionSchema) }));
export type Policy = z.infer<typeof PolicySchema>;
export const PolicyPageSchema = pageOf(PolicySchema);

/** Policies that a test takes at once. */
const TESTED_MAX = 100;

export const PolicyTestSchema = z.strictObject({
  /** Judged as if they were in force, whatever their mode; those that are in force when absent. */
  policies: z.array(PolicyInputSchema).min(1).max(TESTED_MAX).optional(),
  /** Where the answer before left off. */
  cursor: z.string().max(512).optional(),
});
export type PolicyTest = z.infer<typeof PolicyTestSchema>;

export const PolicyViolationSchema = z.object({
  tenant: z.string(),
  project: z.string(),
  instance: z.string(),
  policy: z.string(),
  mode: PolicyModeSchema,
  /** What is wrong, by whose policy. */
  message: z.string(),
  fix: z.string(),
});
export type PolicyViolation = z.infer<typeof PolicyViolationSchema>;

export const PolicyTestResultSchema = z.object({
  /** Instances that were looked at, of those that may be seen. */
  tested: z.int(),
  violations: z.array(PolicyViolationSchema),
  /** Absent where there are no more instances. */
  nextCursor: z.string().optional(),
});
export type PolicyTestResult = z.infer<typeof PolicyTestResultSchema>;

/** What instances have to comply with. Those of the platform are kept with the shared tenant, and every tenant sees them. */
export const policyFacts = {
  kind: "Policy",
  noun: "policy",
  area: "policy",
  idPrefix: "pol",
  scope: "tenant",
  access: { read: "policies.read", write: "policies.write" },
  actions: [],
  input: PolicyInputSchema,
  schema: PolicySchema,
  errors: {
    denied: { status: 403, title: "A policy forbids this", retryable: false, fault: "tenant" },
  },
  audited: {
    description: "track",
    mode: "track",
    at: "track",
    match: { labels: "track", tenants: "track" },
    rule: { name: "track", value: "track" },
    expression: "track",
    message: "track",
    maintenance: auditedHours,
  } satisfies Audited<PolicySpec>,
} as const satisfies KindFacts;
export type PolicyId = Id<(typeof policyFacts)["idPrefix"]>;
