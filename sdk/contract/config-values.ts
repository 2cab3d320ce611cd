import { z } from "zod";
import type { Audited } from "./audited.ts";
import { DisplayNameSchema, JsonValueSchema } from "./bounds.ts";
import { ConditionType } from "./conditions.ts";
import { ConfigKeySchema } from "./config-key.ts";
import { VersionNumberSchema } from "./config-template.ts";
import type { Id } from "./ids.ts";
import { carriedStatus, conditionPath, type KindFacts } from "./kind.ts";
import { ConditionSchema, manifestOf, NameSchema, pageOf, resourceOf } from "./meta.ts";

/** Where a value of a config may come from, weakest first: the claw type, the template, a level. An instance's overrides are of its own level. */
export const CONFIG_ORIGINS = ["type", "template", "global", "tenant", "project", "instance"] as const;
export const ConfigOriginSchema = z.enum(CONFIG_ORIGINS);
export type ConfigOrigin = z.infer<typeof ConfigOriginSchema>;

/** One value of a level. */
export const ConfigEntrySchema = z.strictObject({
  key: ConfigKeySchema,
  /** Null takes away what weaker levels say. A secret is never shown again. */
  value: JsonValueSchema,
  /** Sealed at rest and masked wherever it is shown. Keys that are secret by their type, their template or their name are so without it. */
  secret: z.boolean().default(false),
  /** Stronger levels can't change it, nor what is beneath it. */
  locked: z.boolean().default(false),
});
export type ConfigEntry = z.infer<typeof ConfigEntrySchema>;

/** Values that many instances share. They apply where an instance's template or type declares their key, and are passed over elsewhere. */
export const ConfigValuesSpecSchema = z.strictObject({
  description: DisplayNameSchema.optional(),
  /** The level: every tenant (from the shared tenant only), the tenant, one `project`, or one `instance`. */
  at: z
    .union(
      [z.literal("tenant"), z.literal("global"), z.strictObject({ project: NameSchema }), z.strictObject({ instance: NameSchema })],
      "'tenant', 'global', { project: <name> } or { instance: <name> }",
    )
    .default("tenant"),
  values: z.array(ConfigEntrySchema).max(1000).default([]),
});
export type ConfigValuesSpec = z.infer<typeof ConfigValuesSpecSchema>;

export const ConfigValuesInputSchema = manifestOf("ConfigValues", ConfigValuesSpecSchema);
export type ConfigValuesInput = z.infer<typeof ConfigValuesInputSchema>;

const setSchema = {
  /** Who gave the value, and when; absent where nobody wrote it down. */
  setBy: z.string().optional(),
  setAt: z.iso.datetime().optional(),
};

const ConfigValuesStatusSchema = z.object({
  values: z.array(z.object({ key: z.string(), ...setSchema })),
  conditions: z.array(ConditionSchema),
});
export const ConfigValuesSchema = resourceOf("ConfigValues", ConfigValuesSpecSchema, ConfigValuesStatusSchema);
export type ConfigValues = z.infer<typeof ConfigValuesSchema>;
export const ConfigValuesPageSchema = pageOf(ConfigValuesSchema);

export const configValuesFacts = {
  kind: "ConfigValues",
  noun: "set of config values",
  area: "values",
  idPrefix: "val",
  configures: true,
  scope: "tenant",
  access: { read: "values.read", write: "values.write" },
  actions: [],
  input: ConfigValuesInputSchema,
  schema: ConfigValuesSchema,
  customResource: {
    plural: "configvalues",
    shortNames: ["clawvalues"],
    spec: ConfigValuesSpecSchema,
    status: ConfigValuesStatusSchema.partial().extend(carriedStatus),
    columns: [["Accepted", "string", conditionPath(ConditionType.Accepted, "status")]],
    rules: {},
    keys: { "spec.values": "key" },
  },
  errors: {},
  audited: {
    description: "track",
    at: "track",
    values: { key: "track", value: "track", secret: "track", locked: "track" },
  } satisfies Audited<ConfigValuesSpec>,
} as const satisfies KindFacts;
export type ConfigValuesId = Id<(typeof configValuesFacts)["idPrefix"]>;

/** Something that gives a value, and whose. */
const givenSchema = {
  key: z.string(),
  /** Masked where it is secret; null takes the key away. */
  value: z.unknown(),
  origin: ConfigOriginSchema,
  /** The name of the ConfigValues that it is of; absent for type, template and an instance's overrides. */
  values: z.string().optional(),
  locked: z.boolean().optional(),
  ...setSchema,
};

/** One key of what an instance is configured with. */
export const EffectiveValueSchema = z.object({
  ...givenSchema,
  secret: z.boolean(),
  /** With `explain`: what else was given for it, or for what it is a part of, strongest first. */
  hides: z.array(z.object(givenSchema)).optional(),
});
export type EffectiveValue = z.infer<typeof EffectiveValueSchema>;

export const EffectiveConfigSchema = z.object({
  /** Absent for an instance without. */
  template: z.object({ name: z.string(), version: z.int() }).optional(),
  /** By key. */
  items: z.array(EffectiveValueSchema),
  nextCursor: z.string().optional(),
  /** With `files`: what its claw reads, as it is rendered of them now, secrets masked; absent while it can't be resolved. */
  files: z.array(z.object({ path: z.string(), content: z.string() })).optional(),
  /** What keeps it from being resolved. */
  issues: z.array(z.object({ path: z.string(), message: z.string(), fix: z.string().optional() })),
});
export type EffectiveConfig = z.infer<typeof EffectiveConfigSchema>;

export const EffectiveConfigQuerySchema = z.strictObject({
  /** Only this key, and what is beneath it. */
  key: ConfigKeySchema.optional(),
  explain: z.stringbool().optional(),
  files: z.stringbool().optional().describe("also the files that its claw gets"),
  /** A version of its template: what the instance has by that, with the values of the levels which held when that was published. */
  version: z.coerce.number().pipe(VersionNumberSchema).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(500),
  /** The key after which the answer before ended. */
  cursor: z.string().max(512).optional(),
});
