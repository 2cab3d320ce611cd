import { z } from "zod";
import { boundedRecord, issueOf, jsonFault, SPEC_BYTES_MAX } from "./bounds.ts";
import { amountOf } from "./quantity.ts";

/** The API group and version of every manifest and resource. */
export const API_VERSION = "clusterclaw.io/v1";

/** A DNS label: what names of instances, templates, tenants and projects look like, so that they fit Kubernetes names and URNs. */
export const NameSchema = z
  .string()
  .min(1, "a name is required")
  .max(63, "at most 63 characters")
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, "lower-case letters, digits and '-', beginning and ending with a letter or digit");

/** A name with an optional prefix that is a DNS name: `team`, `example.com/team`. */
export const LabelKeySchema = z
  .string()
  .max(317)
  .regex(
    /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/,
    "not a Kubernetes label key such as 'example.com/team': at most 63 characters, and 253 before the '/'",
  );
export const LabelValueSchema = z
  .string()
  .max(63)
  .regex(/^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/, "not a Kubernetes label value");

/** Kubernetes labels. */
export const LabelsSchema = boundedRecord(LabelKeySchema, LabelValueSchema, 128);

const ANNOTATIONS_BYTES_MAX = 256 * 1024;

/** Kubernetes annotations: keys like those of labels, any text, and as much of it in total as Kubernetes takes. */
export const AnnotationsSchema = boundedRecord(LabelKeySchema, z.string().max(ANNOTATIONS_BYTES_MAX), 1000, {
  bytes: ANNOTATIONS_BYTES_MAX,
});

/** Metadata as a client writes it. `namespace` names the tenant (the founding manifests' form); `project` defaults to `default`. */
export const MetadataInputSchema = z.strictObject({
  name: NameSchema,
  namespace: NameSchema.optional(),
  project: NameSchema.optional(),
  labels: LabelsSchema.optional(),
  annotations: AnnotationsSchema.optional(),
  /** Sent back from a read: the write is refused when it is not the newest (like `If-Match`). */
  resourceVersion: z.string().max(32).optional(),
  uid: z.string().max(63).optional(),
  generation: z.int().optional(),
  createdAt: z.iso.datetime().max(64).optional(),
  updatedAt: z.iso.datetime().max(64).optional(),
});
export type MetadataInput = z.infer<typeof MetadataInputSchema>;

/** Metadata as the service answers it. */
export const MetadataSchema = z.object({
  name: NameSchema,
  /** The tenant's name; absent on tenants. */
  namespace: NameSchema.optional(),
  project: NameSchema.optional(),
  labels: z.record(z.string(), z.string()),
  annotations: z.record(z.string(), z.string()),
  uid: z.string(),
  /** Grows with every change of `spec`. */
  generation: z.int(),
  /** Grows with every write; opaque to clients. */
  resourceVersion: z.string(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
export type Metadata = z.infer<typeof MetadataSchema>;

export const ConditionStatus = { True: "True", False: "False", Unknown: "Unknown" } as const;

/** A Kubernetes-style condition. */
export const ConditionSchema = z.object({
  type: z.string(),
  status: z.enum(ConditionStatus),
  reason: z.string(),
  message: z.string(),
  lastTransitionTime: z.iso.datetime(),
});
export type Condition = z.infer<typeof ConditionSchema>;

/** The most that one quantity may stand for: far above every machine, and sums of many still are numbers that every store takes. */
export const QUANTITY_MAX = 2 ** 50;

/** A Kubernetes quantity: `500m`, `2`, `4Gi`; at most `1024Ti`. */
export const QuantitySchema = z
  .union([z.string().max(32, "at most 32 characters"), z.number().transform(String)], "not a quantity such as '500m', '2' or '4Gi'")
  .pipe(
    z
      .string()
      .regex(/^\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/, "not a quantity such as '500m', '2' or '4Gi'")
      .refine((text) => (amountOf(text) ?? 0) <= QUANTITY_MAX, "at most 1024Ti"),
  );

/** A quantity that was stored before there was a bound, within it. */
export function boundedQuantity(quantity: string): string {
  return QuantitySchema.safeParse(quantity).success ? quantity : "1024Ti";
}

/** A resource as a client writes it. `status` is accepted so that `get -o yaml` round-trips, and ignored. */
export const manifestOf = <K extends string, S extends z.ZodType>(kind: K, spec: S) =>
  z
    .strictObject({
      apiVersion: z.literal(API_VERSION),
      kind: z.literal(kind),
      metadata: MetadataInputSchema,
      spec,
      status: z.unknown().meta({ readOnly: true }).optional(),
    })
    .check((ctx) => {
      const fault = jsonFault((ctx.value as { spec: unknown }).spec, { bytes: SPEC_BYTES_MAX });
      if (fault) {
        ctx.issues.push(issueOf(ctx.value, fault, ["spec"]));
      }
    });

/** A resource as the service answers it. */
export const resourceOf = <K extends string, S extends z.ZodType, T extends z.ZodType>(kind: K, spec: S, status: T) =>
  z.object({ apiVersion: z.literal(API_VERSION), kind: z.literal(kind), metadata: MetadataSchema, spec, status });

/** One page of a list; `nextCursor` is absent on the last page. */
export const pageOf = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), nextCursor: z.string().optional() });

const CursorSchema = z.string().max(1024);

/** What every list takes. */
export const ListQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: CursorSchema.optional(),
  /** Equality and set terms joined by commas: `team=red,env!=prod,tier in (a,b),gpu,!spot`. */
  labelSelector: z.string().max(4096).optional(),
  /** Equality terms on fields: `status.phase=Running,spec.type=OpenClaw`. */
  fieldSelector: z.string().max(4096).optional(),
  /** A field, with `-` before it for descending: `metadata.name`, `-metadata.createdAt`, `status.phase`. */
  sort: z.string().max(128).optional(),
});
export type ListQuery = z.infer<typeof ListQuerySchema>;
