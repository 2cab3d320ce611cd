import { z } from "zod";
import type { Audited } from "./audited.ts";
import { boundedRecord, DisplayNameSchema, issueOf, JsonValueSchema, SPEC_BYTES_MAX, TextSchema } from "./bounds.ts";
import { ConditionType } from "./conditions.ts";
import { checkConfigKey } from "./config-key.ts";
import { TypeNameSchema, VersionSchema } from "./identifiers.ts";
import type { Id } from "./ids.ts";
import { actionOf, carriedStatus, conditionPath, type KindFacts } from "./kind.ts";
import { ConditionSchema, manifestOf, NameSchema, pageOf, resourceOf } from "./meta.ts";
import { FileDiffSchema, PropertyDiffSchema } from "./property-diff.ts";
import { SECRET_MASK } from "./redact.ts";
import { isSecretRef } from "./secret.ts";

/** Versions are numbered from one. */
export const VersionNumberSchema = z
  .int()
  .min(1)
  .max(2 ** 31 - 1);

const PlainTypeSchema = z.enum(["string", "number", "boolean", "object", "array"]);
/** Of a template's variable also `secretRef`: its value names a Secret, `{ secretRef: openai }`, and is never the secret itself. */
const ConfigTypeSchema = z.enum([...PlainTypeSchema.options, "secretRef"]);
type ConfigType = z.infer<typeof ConfigTypeSchema>;

/** What a value has to be like beside being of its type: the words are JSON Schema's. */
const constraints = {
  enum: z.array(JsonValueSchema).min(1).max(100).optional(),
  /** Of a text: an expression of RE2 that some part of it matches; `^` and `$` hold it to the whole. */
  pattern: z.string().min(1).max(512).optional(),
  minLength: z.int().min(0).optional(),
  maxLength: z.int().min(0).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  /** Of a list: what each of it is. */
  items: PlainTypeSchema.optional(),
  minItems: z.int().min(0).optional(),
  maxItems: z.int().min(0).optional(),
};
type Constraint = keyof typeof constraints;

/** The types that a constraint is of; those of any are not in it. */
const CONSTRAINED: Readonly<Partial<Record<Constraint, ConfigType>>> = {
  pattern: "string",
  minLength: "string",
  maxLength: "string",
  minimum: "number",
  maximum: "number",
  items: "array",
  minItems: "array",
  maxItems: "array",
};

const NO_KEY = `not a key such as 'model.name'; a name with dots is quoted: models.providers["z.ai"].apiKey`;

/** Its name is a key of the unified config: `model.name`, `models.providers["z.ai"].apiKey`. */
function variableOf<T extends z.ZodType<ConfigType>>(type: T) {
  return {
    name: z
      .string()
      .max(512)
      .regex(/^[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z0-9_-]+|\["(?:[^"\\]|\\.)+"\])*$/, NO_KEY)
      .check(checkConfigKey),
    type,
    default: JsonValueSchema.optional(),
    required: z.boolean().default(false),
    secret: z.boolean().default(false),
    description: TextSchema.default(""),
  };
}

const wrongDefault = { message: "the default does not have the variable's type", path: ["default"] };
const hasItsDefault = ({ type, default: value }: { readonly type: ConfigType; readonly default?: unknown }) =>
  value === undefined || value === SECRET_MASK || isSecretRef(value) || matchesVariableType(type, value);

/** A variable of a claw type. */
export const PlainVariableSchema = z.strictObject(variableOf(PlainTypeSchema)).refine(hasItsDefault, wrongDefault);

/** A variable of a template. */
export const ConfigVariableSchema = z
  .strictObject(variableOf(ConfigTypeSchema))
  .refine(hasItsDefault, wrongDefault)
  .safeExtend({
    ...constraints,
    /** What to say where a value is not as the constraints have it; each says so itself when absent. */
    message: z.string().min(1).max(512).optional(),
    /** Of a list: whether a stronger level takes its place, or comes behind it. @default "replace" */
    merge: z.enum(["replace", "append"]).optional(),
    /** The name of one of the template's `groups`: where a form has it. */
    group: NameSchema.optional(),
  })
  .check(({ value, issues }) => {
    for (const [constraint, type] of Object.entries({ ...CONSTRAINED, ...(value.merge === "append" && { merge: "array" }) })) {
      if (value[constraint as Constraint] !== undefined && value.type !== type) {
        const message = `is of variables of the type ${type}, and this one is of the type ${value.type}`;
        issues.push(issueOf(value, { message, fix: "leave it out, or change the type" }, [constraint]));
      }
    }
    if (value.type === "secretRef" && value.enum) {
      issues.push(issueOf(value, { message: "is of variables that have a value themselves", fix: "leave it out" }, ["enum"]));
    }
    for (const [index, item] of (value.enum ?? []).entries()) {
      if (!matchesVariableType(value.type, item)) {
        const message = `is not of the variable's type, ${value.type}`;
        issues.push(issueOf(value, { message, fix: "leave it out, or change the type" }, ["enum", index]));
      }
    }
  });
export type ConfigVariable = z.infer<typeof ConfigVariableSchema>;

/** Whether what it comes to is secret. */
export function isSecretVariable({ type, secret }: Pick<ConfigVariable, "type" | "secret">): boolean {
  return secret || type === "secretRef";
}

/** Whether a JSON value is of a variable's type. */
export function matchesVariableType(type: ConfigType, value: unknown): boolean {
  switch (type) {
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "secretRef":
      return isSecretRef(value);
    default:
      return typeof value === type;
  }
}

/** Variables that belong together, for forms. */
const ConfigGroupSchema = z.strictObject({
  name: NameSchema,
  title: DisplayNameSchema.optional(),
  description: TextSchema.optional(),
});

export const ConfigTemplateSpecSchema = z.strictObject({
  description: TextSchema.default(""),
  /**
   * A template of the same adapter that this one adds to: its variables, unless one of the same name is here, its groups, and its base beneath this
   * one's. The version that is the newest when this one is published is put into it.
   */
  extends: NameSchema.optional(),
  groups: z.array(ConfigGroupSchema).max(100).optional(),
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
    /** The version that instances have which are held to none; 0 before the first. Newer ones are held. */
    publishedVersion: z.int(),
    /** Whether `spec` differs from the newest published version. */
    dirty: z.boolean(),
    conditions: z.array(ConditionSchema),
  }),
);
export type ConfigTemplate = z.infer<typeof ConfigTemplateSchema>;
export const ConfigTemplatePageSchema = pageOf(ConfigTemplateSchema);

export const PublishRequestSchema = z.strictObject({
  message: TextSchema.optional(),
  /** Makes the version without letting it reach anybody: a rollout brings it to instances, or `promote` to all. */
  hold: z.boolean().optional(),
});
/** Publishes the template's current specification. */
export const publishAction = actionOf("publish", "configs.write", PublishRequestSchema);
/** Publishes what a former version says once more. */
export const rollbackAction = actionOf(
  "rollback",
  "configs.write",
  z.strictObject({ to: VersionNumberSchema, message: TextSchema.optional() }),
);
/** Lets a version that was held reach every instance that is held to none. */
export const PromoteRequestSchema = z.strictObject({ to: VersionNumberSchema });
export const promoteAction = actionOf("promote", "configs.write", PromoteRequestSchema);

export const configTemplateFacts = {
  kind: "ConfigTemplate",
  noun: "config template",
  area: "config",
  idPrefix: "cfg",
  configures: true,
  scope: "tenant",
  access: { read: "configs.read", write: "configs.write" },
  actions: [publishAction, rollbackAction, promoteAction],
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
  errors: {
    invalid: { status: 422, title: "The configuration is invalid", retryable: false, fault: "caller" },
    unchecked: { status: 409, title: "The configuration is not checked", retryable: true, fault: "platform" },
    version_not_found: { status: 404, title: "Config version not found", retryable: false, fault: "caller" },
    in_use: { status: 409, title: "The config template is in use", retryable: false, fault: "caller" },
  },
  audited: {
    description: "track",
    extends: "track",
    groups: { name: "track", title: "track", description: "track" },
    variables: {
      name: "track",
      type: "track",
      default: "track",
      required: "track",
      secret: "track",
      description: "track",
      enum: "track",
      pattern: "track",
      minLength: "track",
      maxLength: "track",
      minimum: "track",
      maximum: "track",
      items: "track",
      minItems: "track",
      maxItems: "track",
      message: "track",
      merge: "track",
      group: "track",
    },
    adapter: "track",
    version: "track",
    base: "track",
  } satisfies Audited<ConfigTemplateSpec>,
} as const satisfies KindFacts;
export type ConfigTemplateId = Id<(typeof configTemplateFacts)["idPrefix"]>;

/** An immutable published version of a template. */
export const ConfigVersionSchema = z.object({
  version: z.int(),
  author: z.string(),
  createdAt: z.iso.datetime(),
  message: z.string(),
  digest: z.string(),
  /** With all that it had from the template which it extends. */
  spec: ConfigTemplateSpecSchema,
  /** The version of that template. */
  extended: z.object({ name: z.string(), version: z.int() }).optional(),
  /** The version that it repeats: it was rolled back to. */
  restores: z.int().optional(),
});
export type ConfigVersion = z.infer<typeof ConfigVersionSchema>;
export const ConfigVersionPageSchema = pageOf(ConfigVersionSchema);

/** For those instances alone that a selector chooses, when there is one: these are held to the version. */
export const RollbackRequestSchema = rollbackAction.body.extend({
  /** Labels of instances: `ring=canary`. */
  labelSelector: z.string().min(1).max(4096).optional(),
});

export const ConfigDiffQuerySchema = z.strictObject({
  from: z.coerce.number().pipe(VersionNumberSchema),
  /** The draft when absent. */
  to: z.coerce.number().pipe(VersionNumberSchema).optional(),
  /** An instance that is to be compared: its values and files by each of the two, with the values of the levels that held when each was published. */
  instance: z.string().max(128).optional(),
});
export const ConfigDiffSchema = z.object({
  /** Of variables, base and the rest, secrets masked. */
  diffs: z.array(PropertyDiffSchema),
  /** Of the instance: the keys whose value is another, by key; its own are those of now in both. */
  values: z.array(PropertyDiffSchema).optional(),
  /** Of the instance: its files, or what keeps it from having some. */
  files: z.array(FileDiffSchema).optional(),
  issues: z.array(z.object({ path: z.string(), message: z.string(), fix: z.string().optional() })).optional(),
});
export type ConfigDiff = z.infer<typeof ConfigDiffSchema>;

/** Of values by the variables' names, in the words of JSON Schema 2020-12; a form has what begins with `x-`. */
export const JsonSchemaSchema = z.record(z.string(), z.unknown());

/** Values for the template's variables. */
export const ValidateRequestSchema = z.strictObject({
  values: boundedRecord(z.string().max(512), JsonValueSchema, 1000, { bytes: SPEC_BYTES_MAX }).default({}),
});

export const ConfigValidationSchema = z.object({
  valid: z.boolean(),
  issues: z.array(z.object({ path: z.string(), message: z.string(), fix: z.string().optional() })),
});
export type ConfigValidation = z.infer<typeof ConfigValidationSchema>;
