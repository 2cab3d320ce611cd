import { z } from "zod";
import type { Audited } from "./audited.ts";
import { boundedRecord, DisplayNameSchema, JsonValueSchema, SPEC_BYTES_MAX, TextSchema } from "./bounds.ts";
import { ConditionType } from "./conditions.ts";
import { PlainVariableSchema } from "./config-template.ts";
import { ArchiveUrlSchema, EnvNameSchema, PackageNameSchema, RelativePathSchema, Sha256Schema, VersionSchema } from "./identifiers.ts";
import type { Id } from "./ids.ts";
import { carriedStatus, conditionPath, type KindFacts } from "./kind.ts";
import { ConditionSchema, manifestOf, pageOf, resourceOf } from "./meta.ts";
import { HttpProbeSchema } from "./runtime.ts";

/** What claws of some types can do and those of others can't, and what it is. */
export const capabilities = {
  "hot-reload": "a running claw takes over a changed configuration without a restart",
  health: "it says when it has started, is ready and lives",
  chat: "it can be talked to",
  usage: "it says how many tokens a turn took",
  drain: "it is given time to end what it is at before it is stopped",
  console: "a terminal can be opened inside it",
  "config-check": "it says whether it uses the configuration that was declared",
  "config-keys": "what somebody changed in its config file is told key by key, and can be adopted",
  channels: "it says which of its channels work",
  skills: "it has skills, which policies can allow",
  plugins: "it has plugins, which are installed with it",
  upgrade: "its version can be changed",
} as const satisfies Record<string, string>;
export type CapabilityName = keyof typeof capabilities;
export const CAPABILITIES = Object.keys(capabilities) as [CapabilityName, ...CapabilityName[]];

const ClawTypeSummarySchema = z.object({
  type: z.string(),
  adapter: z.string(),
  version: z.string(),
  description: z.string(),
  /** Whose it is: of the product or the service's settings, of the platform, or of the tenant that asks. */
  origin: z.enum(["built-in", "platform", "tenant"]),
});

/** Claw types and the versions that they are pinned to. */
export const ClawTypeListSchema = z.object({ items: z.array(ClawTypeSummarySchema) });

export const ClawTypeDescriptionSchema = ClawTypeSummarySchema.extend({
  /** Every capability that there is: what a type can't do is told as well. */
  capabilities: z.array(
    z.object({
      name: z.enum(CAPABILITIES),
      supported: z.boolean(),
      /** How it does it, or what it can't. */
      detail: z.string(),
      /** Of `hot-reload`: keys of the configuration that need no restart. */
      keys: z.array(z.string()).optional(),
    }),
  ),
  /** Keys of the configuration that need no template, with the value that each has unless somebody gives one. */
  defaults: z.record(z.string(), JsonValueSchema),
  /** Keys whose values are secret; `*` stands for one segment. */
  secretKeys: z.array(z.string()),
  /** Keys that platform administrators alone set. */
  platformKeys: z.array(z.string()),
});
export type ClawTypeDescription = z.infer<typeof ClawTypeDescriptionSchema>;

const ClawVariableSchema = PlainVariableSchema.safeExtend({
  /** It is handed over in this environment variable rather than in a file. Secrets always are. */
  env: EnvNameSchema.optional(),
  /** It names a path, a socket or a command of the host: platform administrators alone set it. */
  platform: z.boolean().default(false),
});

const argument = z.string().max(4096);
const reason = z
  .string()
  .max(64)
  .regex(/^[A-Z][A-Za-z0-9]*$/, "not a reason such as 'ConfigError'");
const path = z.string().max(1024).regex(/^\//, "begins with '/'");
const exitCode = z.strictObject({
  reason,
  message: TextSchema,
  restart: z.boolean(),
  /** What it means instead when the claw's last lines have such a text. */
  unless: z
    .array(z.strictObject({ says: z.string().min(1).max(200), reason, message: TextSchema }))
    .max(32)
    .optional(),
});
const probe = HttpProbeSchema.extend({
  path,
  expect: boundedRecord(z.string().max(256), JsonValueSchema, 32),
  periodSeconds: z.number().min(0.05).max(3600),
  failureThreshold: z.int().min(1).max(100),
});

/** What has no other form for those who bring it as a folder of files. */
const NpmSoftwareSchema = z.strictObject({ source: z.literal("npm"), package: PackageNameSchema });
/** Fetched once for a host and unpacked: a tar file, compressed or not, of these very bytes. It has the one version that the type names. */
const ArchiveSoftwareSchema = z.strictObject({
  source: z.literal("archive"),
  url: ArchiveUrlSchema,
  sha256: Sha256Schema,
});
/** Nothing is installed: its image has it. It runs on clusters alone. */
const ImageSoftwareSchema = z.strictObject({ source: z.literal("image") });

/** What runs on a cluster; `${version}` stands for the instance's. */
const ImageSchema = z
  .string()
  .max(512)
  .regex(/^[a-z0-9][a-zA-Z0-9._\-/:@]*(\$\{version\}[a-zA-Z0-9._\-@:]*)?$/, "not an image such as 'registry.example/weather:${version}'");

/** Of one file that a type brings along. */
const TEXT_BYTES_MAX = 256 * 1024;

/** One file that is rendered of the variables. */
const ConfigFileSchema = z.strictObject({
  path: RelativePathSchema,
  format: z.enum(["json", "yaml", "toml", "ini", "env", "text"]),
  /**
   * Text in which `{{key}}` stands for a variable's value as the format writes it, with its quotes; in `text` for the value as it is. All variables
   * as they are when absent, which one file may be.
   */
  template: z.string().max(TEXT_BYTES_MAX).optional(),
});

const PROGRAM_FILES_MAX = 64;

/**
 * A claw type but for where its program comes from.
 * How to configure, start, watch and stop it: so that an organisation brings its own type without writing an adapter (A4).
 */
const specFields = {
  /** The version that instances run when they name none. */
  version: VersionSchema,
  /** What runs on a cluster, unless the cluster's `images.claws` says otherwise. */
  image: ImageSchema.optional(),
  command: z.array(argument).min(1).max(64),
  env: boundedRecord(EnvNameSchema, argument, 256).default({}),
  /** What it is configured by, below `${configDir}`. */
  files: z.array(ConfigFileSchema).max(32).default([]),
  variables: z.array(ClawVariableSchema).max(1000).default([]),
  /** How a changed config takes effect: the program watches its file, gets the restart signal, or is stopped and started. */
  reload: z.enum(["watch", "signal", "restart"]).default("restart"),
  restartSignal: z.enum(["SIGUSR2", "SIGHUP"]).optional(),
  portSpan: z.int().min(1).max(200).default(1),
  probes: z.strictObject({ startup: probe, readiness: probe, liveness: probe }),
  startup: z.strictObject({ timeoutSeconds: z.number().positive().max(3600).default(60), heavy: z.boolean().default(false) }).prefault({}),
  stop: z
    .strictObject({
      signal: z.enum(["SIGTERM", "SIGINT"]).default("SIGTERM"),
      graceSeconds: z.number().nonnegative().max(3600).default(30),
    })
    .prefault({}),
  /** Those with a meaning of their own; others are crashes, restarted with back-off. */
  exitCodes: boundedRecord(
    z
      .string()
      .max(3)
      .regex(/^\d{1,3}$/, "not an exit code such as '78'"),
    exitCode,
    256,
  ).default({}),
  /** How a message is sent to it; absent when it can't be talked to. */
  chat: z
    .strictObject({
      protocol: z.literal("openai-chat-completions"),
      path,
      model: z.string().max(256),
      /** The secret variable that holds the bearer token, which is made for each instance. */
      tokenEnv: EnvNameSchema.optional(),
    })
    .optional(),
  /** Command of an interactive terminal inside the instance; a shell in its directory when absent. */
  console: z.array(argument).min(1).max(64).optional(),
};

/** The specification of a claw type whose inline files have a given form. @internal */
export function clawTypeSpecOf<File extends z.ZodType>(file: File) {
  const inline = z.strictObject({ source: z.literal("inline"), files: z.array(file).min(1).max(PROGRAM_FILES_MAX) });
  return z.strictObject({
    description: DisplayNameSchema.default(""),
    software: z.discriminatedUnion("source", [NpmSoftwareSchema, ArchiveSoftwareSchema, inline, ImageSoftwareSchema]),
    ...specFields,
  });
}

export const ClawTypeSpecSchema = clawTypeSpecOf(
  z.strictObject({ path: RelativePathSchema, content: z.string().max(TEXT_BYTES_MAX) }),
).check(({ value, issues }) => {
  if (JSON.stringify(value).length > SPEC_BYTES_MAX) {
    issues.push({ code: "custom", input: value, path: [], message: `is larger than ${SPEC_BYTES_MAX / 1024} kB` });
  }
});
export type ClawTypeSpec = z.infer<typeof ClawTypeSpecSchema>;

export const ClawTypeInputSchema = manifestOf("ClawType", ClawTypeSpecSchema);
export type ClawTypeInput = z.infer<typeof ClawTypeInputSchema>;
export const ClawTypeSchema = resourceOf("ClawType", ClawTypeSpecSchema, z.object({ conditions: z.array(ConditionSchema) }));
export type ClawType = z.infer<typeof ClawTypeSchema>;
export const ClawTypePageSchema = pageOf(ClawTypeSchema);

/** Claw types that are brought as resources: those of the shared tenant are the platform's, and every tenant's instances may be of them. */
const PROBE = { path: "track", expect: "track", periodSeconds: "track", failureThreshold: "track" } as const;

export const clawTypeFacts = {
  kind: "ClawType",
  noun: "claw type",
  area: "type",
  idPrefix: "typ",
  configures: true,
  scope: "tenant",
  access: { read: "types.read", write: "types.write" },
  actions: [],
  input: ClawTypeInputSchema,
  schema: ClawTypeSchema,
  customResource: {
    plural: "clawtypes",
    shortNames: [],
    spec: ClawTypeSpecSchema,
    status: z.object(carriedStatus),
    columns: [
      ["Version", "string", ".spec.version"],
      ["Source", "string", ".spec.software.source"],
      ["Accepted", "string", conditionPath(ConditionType.Accepted, "status")],
    ],
    rules: {},
    keys: { "spec.variables": "name" },
  },
  errors: {
    in_use: { status: 409, title: "The claw type is in use", retryable: false, fault: "caller" },
  },
  audited: {
    description: "track",
    version: "track",
    image: "track",
    software: { source: "track", package: "track", url: "track", sha256: "track", files: { path: "track", content: "track" } },
    command: "track",
    env: "secret",
    files: { path: "track", format: "track", template: "track" },
    variables: {
      name: "track",
      type: "track",
      default: "track",
      required: "track",
      secret: "track",
      description: "track",
      env: "track",
      platform: "track",
    },
    reload: "track",
    restartSignal: "track",
    portSpan: "track",
    probes: { startup: PROBE, readiness: PROBE, liveness: PROBE },
    startup: { timeoutSeconds: "track", heavy: "track" },
    stop: { signal: "track", graceSeconds: "track" },
    exitCodes: "track",
    chat: { protocol: "track", path: "track", model: "track", tokenEnv: "track" },
    console: "track",
  } satisfies Audited<ClawTypeSpec>,
} as const satisfies KindFacts;
export type ClawTypeId = Id<(typeof clawTypeFacts)["idPrefix"]>;
