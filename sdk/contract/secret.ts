import { z } from "zod";
import type { Audited } from "./audited.ts";
import { DisplayNameSchema } from "./bounds.ts";
import { EnvNameSchema } from "./identifiers.ts";
import type { Id } from "./ids.ts";
import { actionOf, type KindFacts } from "./kind.ts";
import { ConditionSchema, manifestOf, NameSchema, pageOf, resourceOf } from "./meta.ts";

/** What a secret may be long: a certificate with its chain is shorter. */
export const SECRET_BYTES_MAX = 64 * 1024;

const pathSegments = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;

/** Where a secret's value is kept by somebody else. Exactly one. */
export const SecretSourceSchema = z.union(
  [
    /** A variable of the control plane's own environment. */
    z.strictObject({ env: EnvNameSchema }),
    /** A file of the control plane's host; a line's end behind it is left out. */
    z.strictObject({ file: z.string().max(4096).regex(/^\//, "not a path that begins with '/'") }),
    /** A field of a secret in HashiCorp Vault's or OpenBao's KV engine (version 2), below the folder that the service has there for the tenant. */
    z.strictObject({
      vault: z.strictObject({
        path: z.string().max(512).regex(pathSegments, "not a path such as 'team/openai'"),
        field: z.string().min(1).max(256).default("value"),
      }),
    }),
    /** A key of a Secret in the tenant's own namespace on a registered cluster. */
    z.strictObject({
      kubernetes: z.strictObject({
        cluster: NameSchema,
        name: z
          .string()
          .max(253)
          .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "not the name of a Secret"),
        key: z
          .string()
          .max(253)
          .regex(/^[A-Za-z0-9._-]+$/, "not a key of a Secret"),
      }),
    }),
  ],
  "one of { env }, { file }, { vault: { path, field } } and { kubernetes: { cluster, name, key } }",
);
export type SecretSource = z.infer<typeof SecretSourceSchema>;

/** A secret that configurations name, instead of having it: `value: { secretRef: <name> }`. */
export const SecretSpecSchema = z.strictObject({
  description: DisplayNameSchema.optional(),
  /** The secret itself, kept sealed and never shown again. Either this or `source`. */
  value: z.string().min(1).max(SECRET_BYTES_MAX).optional(),
  /** The value that is to come, kept as the other: it reaches nobody until a rollout brings it, or `rotate` lets everybody have it. Beside `value` alone. */
  next: z.string().min(1).max(SECRET_BYTES_MAX).optional(),
  source: SecretSourceSchema.optional(),
  /** How often the source is read. */
  refreshSeconds: z.int().min(10).max(86_400).default(300),
});
export type SecretSpec = z.infer<typeof SecretSpecSchema>;

export const SecretInputSchema = manifestOf("Secret", SecretSpecSchema);
export type SecretInput = z.input<typeof SecretInputSchema>;

export const SecretSchema = resourceOf(
  "Secret",
  SecretSpecSchema,
  z.object({
    /** Numbers of its value, and of the one that is to come: what rollouts call them by. */
    number: z.int(),
    nextNumber: z.int().optional(),
    /** When its source was read last, and when that gave another value. */
    readAt: z.iso.datetime().optional(),
    changedAt: z.iso.datetime().optional(),
    conditions: z.array(ConditionSchema),
  }),
);
export type Secret = z.infer<typeof SecretSchema>;
export const SecretPageSchema = pageOf(SecretSchema);

/** Lets everybody who uses a secret have the value that is to come. */
export const RotateRequestSchema = z.strictObject({ to: z.int().min(1).max(2_147_483_647) });
export const rotateAction = actionOf("rotate", "secrets.write", RotateRequestSchema);

export const secretFacts = {
  kind: "Secret",
  noun: "secret",
  area: "secret",
  idPrefix: "sec",
  configures: true,
  scope: "tenant",
  access: { read: "secrets.read", write: "secrets.write" },
  actions: [rotateAction],
  input: SecretInputSchema,
  schema: SecretSchema,
  errors: {
    in_use: { status: 409, title: "The secret is in use", retryable: false, fault: "caller" },
  },
  audited: {
    description: "track",
    value: "secret",
    next: "secret",
    source: {
      env: "track",
      file: "track",
      vault: { path: "track", field: "track" },
      kubernetes: { cluster: "track", name: "track", key: "track" },
    },
    refreshSeconds: "track",
  } satisfies Audited<SecretSpec>,
} as const satisfies KindFacts;
export type SecretId = Id<(typeof secretFacts)["idPrefix"]>;

/** An instance whose configuration names a secret. */
export const SecretUserPageSchema = z.object({
  items: z.array(z.object({ tenant: z.string(), instance: z.string(), project: z.string() })),
  nextCursor: z.string().optional(),
});
export type SecretUserPage = z.infer<typeof SecretUserPageSchema>;

/** What stands in a configuration for a secret: `{ secretRef: openai }`. */
export interface SecretRef {
  readonly secretRef: string;
}

export function isSecretRef(value: unknown): value is SecretRef {
  if (typeof value !== "object" || value === null || !("secretRef" in value) || Object.keys(value).length !== 1) {
    return false;
  }
  return NameSchema.safeParse(value.secretRef).success;
}
