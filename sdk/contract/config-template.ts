import { z } from "zod";
import { boundedRecord, JsonValueSchema, SPEC_BYTES_MAX, TextSchema } from "./bounds.ts";
import { ConditionType } from "./conditions.ts";
import { checkConfigKey } from "./config-key.ts";
import { TypeNameSchema, VersionSchema } from "./identifiers.ts";
import { actionOf, carriedStatus, conditionPath, type KindFacts } from "./kind.ts";
import { ConditionSchema, manifestOf, pageOf, resourceOf } from "./meta.ts";
import { SECRET_MASK } from "./redact.ts";

/** A variable of a template. Its name is a key of the unified config: `model.name`, `models.providers["z.ai"].apiKey`. */
export const ConfigVariableSchema = z
  .strictObject({
    name: z
      .string()
      .max(512)
      .regex(
        /^[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z0-9_-]+|\["(?:[^"\\]|\\.)+"\])*$/,
        `not a key such as 'model.name'; a name with dots is quoted: models.providers["z.ai"].apiKey`,
      )
      .check(checkConfigKey),
    type: z.enum(["string", "number", "boolean", "object", "array"]),
    default: JsonValueSchema.optional(),
    required: z.boolean().default(false),
    secret: z.boolean().default(false),
    description: TextSchema.default(""),
  })
  .refine((v) => v.default === undefined || v.default === SECRET_MASK || matchesVariableType(v.type, v.default), {
    message: "the default does not have the variable's type",
    path: ["default"],
  });
export type ConfigVariable = z.infer<typeof ConfigVariableSchema>;

/** Whether a JSON value is of a variable's type. */
export function matchesVariableType(type: "string" | "number" | "boolean" | "object" | "array", value: unknown): boolean {
  switch (type) {
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    default:
      return typeof value === type;
  }
}

export const ConfigTemplateSpecSchema = z.strictObject({
  description: TextSchema.default(""),
  variables: z.array(ConfigVariableSchema).max(1000).default([]),
  /** Name of the adapter that turns it into a claw's files: `OpenClawAdapter`. */
  adapter: TypeNameSchema,
  /** The author's own version text; published versions are numbered by the service. */
  version: VersionSchema.default("1.0.0"),
  /** Native config of the claw, merged below the variables: for settings that no variable covers. */
  base: boundedRecord(z.string().max(512), JsonValueSchema, 1000).default({}),
});
export type ConfigTemplateSpec = z.infer<typeof ConfigTemplateSpecSchema>;

export const ConfigTemplateInputSchema = manifestOf("ConfigTemplate", ConfigTemplateSpecSchema);
export type ConfigTemplateInput = z.infer<typeof ConfigTemplateInputSchema>;

export const ConfigTemplateSchema = resourceOf(
  "ConfigTemplate",
  ConfigTemplateSpecSchema,
  z.object({
    /** The newest published version; 0 before the first. Instances run with published versions only. */
    publishedVersion: z.int(),
    /** Whether `spec` differs from the newest published version. */
    dirty: z.boolean(),
    conditions: z.array(ConditionSchema),
  }),
);
export type ConfigTemplate = z.infer<typeof ConfigTemplateSchema>;
export const ConfigTemplatePageSchema = pageOf(ConfigTemplateSchema);

export const PublishRequestSchema = z.strictObject({ message: TextSchema.optional() });
/** Publishes the template's current specification. */
export const publishAction = actionOf("publish", "configs.write", PublishRequestSchema);

export const configTemplateFacts = {
  kind: "ConfigTemplate",
  noun: "config template",
  area: "config",
  idPrefix: "cfg",
  scope: "tenant",
  access: { read: "configs.read", write: "configs.write" },
  actions: [publishAction],
  input: ConfigTemplateInputSchema,
  schema: ConfigTemplateSchema,
  customResource: {
    plural: "configtemplates",
    shortNames: ["clawtemplate"],
    spec: ConfigTemplateSpecSchema,
    status: z.object({ publishedVersion: z.int().optional(), dirty: z.boolean().optional(), ...carriedStatus }),
    columns: [
      ["Adapter", "string", ".spec.adapter"],
      ["Published", "integer", ".status.publishedVersion"],
      ["Accepted", "string", conditionPath(ConditionType.Accepted, "status")],
    ],
    rules: {},
    keys: { "spec.variables": "name" },
  },
} as const satisfies KindFacts;

/** An immutable published version of a template. */
export const ConfigVersionSchema = z.object({
  version: z.int(),
  author: z.string(),
  createdAt: z.iso.datetime(),
  message: z.string(),
  digest: z.string(),
  spec: ConfigTemplateSpecSchema,
});
export type ConfigVersion = z.infer<typeof ConfigVersionSchema>;
export const ConfigVersionPageSchema = pageOf(ConfigVersionSchema);

/** Values for the template's variables. */
export const ValidateRequestSchema = z.strictObject({
  values: boundedRecord(z.string().max(512), JsonValueSchema, 1000, { bytes: SPEC_BYTES_MAX }).default({}),
});

export const ConfigValidationSchema = z.object({
  valid: z.boolean(),
  issues: z.array(z.object({ path: z.string(), message: z.string(), fix: z.string().optional() })),
});
export type ConfigValidation = z.infer<typeof ConfigValidationSchema>;
