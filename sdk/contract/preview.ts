import { z } from "zod";
import { actionSchemas, ManifestKindSchema, ManifestSchema } from "./kinds.ts";
import { NameSchema, pageOf } from "./meta.ts";
import { PolicyModeSchema } from "./policy.ts";
import { FileDiffSchema, PropertyDiffSchema } from "./property-diff.ts";

/** A write that names a resource and needs no manifest. */
export const ActionSchema = z.discriminatedUnion("action", [
  z.strictObject({
    action: z.literal("delete"),
    kind: ManifestKindSchema,
    name: NameSchema,
    purgeData: z.boolean().optional(),
    forget: z
      .boolean()
      .optional()
      .describe("of an instance whose cluster can't be reached, or such a cluster: let go of it at once, and leave what it has"),
  }),
  ...actionSchemas,
]);
/** A write that could be made: what a preview is computed for, and what applying it makes. */
export const ChangeSchema = z.discriminatedUnion("action", [
  z.strictObject({ action: z.literal("apply"), manifest: ManifestSchema }),
  ...ActionSchema.options,
]);
export type Change = z.infer<typeof ChangeSchema>;

/** `manifests` is short for one `apply` change each. Previews of one call are one plan: applied all or not at all. */
export const PreviewRequestSchema = z
  .strictObject({
    manifests: z.array(ManifestSchema).max(1000).optional(),
    changes: z.array(ChangeSchema).max(1000).optional(),
  })
  .refine((r) => (r.manifests?.length ?? 0) + (r.changes?.length ?? 0) > 0, "give 'manifests' or 'changes'");
export type PreviewRequest = z.infer<typeof PreviewRequestSchema>;

export const ResourceChangeSchema = z.object({
  urn: z.string(),
  type: z.string(),
  name: z.string(),
  /** The instance it belongs to; absent for what instances share. */
  instance: z.string().optional(),
  op: z.enum(["create", "update", "replace", "delete", "same", "read", "import"]),
  diffs: z.array(PropertyDiffSchema),
});
export type ResourceChange = z.infer<typeof ResourceChangeSchema>;

/** What a change does to a running claw. */
export const ChangeEffect = {
  None: "none",
  Start: "start",
  HotReload: "hot-reload",
  Restart: "restart",
  Stop: "stop",
  Kill: "kill",
  Delete: "delete",
} as const;

export const VerdictSchema = z.object({
  kind: z.enum(["quota", "policy"]),
  name: z.string(),
  allowed: z.boolean(),
  /** The mode of the policy that the instance violates; absent where it complies. Only what is enforced is not allowed. */
  violated: PolicyModeSchema.optional(),
  /** Which policy or quota, which value, and how to ask for more. */
  message: z.string(),
  fix: z.string().optional(),
});
export type Verdict = z.infer<typeof VerdictSchema>;

export const PreviewItemSchema = z.object({
  kind: ManifestKindSchema,
  name: z.string(),
  /** Name of its tenant. */
  tenant: z.string(),
  op: z.enum(["create", "update", "delete", "same"]),
  /** Differences of the manifest itself. */
  diffs: z.array(PropertyDiffSchema),
  effect: z.enum(ChangeEffect),
  /** Where an instance is or will be; `from` when it moves. */
  placement: z.object({ cluster: z.string(), from: z.string().optional(), reason: z.string().optional() }).optional(),
  files: z.array(FileDiffSchema),
  /** Resources of the stack that belong to it. */
  resources: z.array(ResourceChangeSchema),
  /**
   * What is wrong, by field. While any is `blocking` there is no plan to apply; the others are waited for, such as a secret that is not set yet, or
   * are warnings: a version that goes back, a port or a bot that another instance wants.
   */
  problems: z.array(
    z.object({
      path: z.string(),
      message: z.string(),
      fix: z.string().optional(),
      blocking: z.boolean(),
      /** Nothing waits for it: it may go wrong all the same. */
      warning: z.boolean().optional(),
    }),
  ),
  /** Why nobody has checked the configuration that an instance would get: neither its claw's own program nor that version's schema is at hand. Absent when it is checked. */
  unchecked: z.string().optional(),
  /** Says how much of it is shown, when it is too large to be shown whole. */
  cut: z.string().optional(),
});
export type PreviewItem = z.infer<typeof PreviewItemSchema>;
/** Further items of a preview: a page's size is bounded by bytes. */
export const PreviewItemPageSchema = pageOf(PreviewItemSchema);

/** What all instances of a tenant share in a cluster: its namespace, quota, rights and network policies. */
export const BoundaryChangeSchema = z.object({
  tenant: z.string(),
  cluster: z.string(),
  resources: z.array(ResourceChangeSchema),
});
export type BoundaryChange = z.infer<typeof BoundaryChangeSchema>;

/** Its size is bounded, however much changes: `summary` counts everything, and the lists begin with what matters most. */
export const PreviewSchema = z.object({
  /** What its changes are read by: `GET /api/v1/previews/{id}/changes`. */
  id: z.string(),
  /** The same, when it can be applied: `POST /api/v1/previews/{planId}/apply` makes exactly this. */
  planId: z.string().optional(),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  /** One per change, then the instances that change though no manifest names them, because a template they use does. The first page. */
  items: z.array(PreviewItemSchema),
  /** Where the items go on. */
  nextCursor: z.string().optional(),
  /** One per tenant and cluster whose instances the changes touch; none for the control plane's own host. Those that change come first. */
  boundaries: z.array(BoundaryChangeSchema).default([]),
  /** Refusals come first. */
  verdicts: z.array(VerdictSchema),
  /** Of all of it, shown here or not. */
  summary: z.object({
    /** Resources of stacks. */
    create: z.int(),
    update: z.int(),
    replace: z.int(),
    delete: z.int(),
    same: z.int(),
    items: z.object({ create: z.int(), update: z.int(), delete: z.int(), same: z.int() }),
    boundaries: z.int(),
    verdicts: z.int(),
    /** Of all items, those that are merely waited for too. */
    problems: z.int(),
    /** Items whose configuration nobody has checked: writing them without a plan takes `allowUnchecked`. */
    unchecked: z.int().default(0),
  }),
});
export type Preview = z.infer<typeof PreviewSchema>;
