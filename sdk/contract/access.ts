import { z } from "zod";
import type { Audited } from "./audited.ts";
import { DisplayNameSchema } from "./bounds.ts";
import type { Id } from "./ids.ts";
import type { KindFacts } from "./kind.ts";
import { ConditionSchema, ListQuerySchema, manifestOf, NameSchema, pageOf, resourceOf } from "./meta.ts";
import { PERMISSIONS } from "./permissions.ts";

export const PermissionSchema = z.enum(PERMISSIONS);
const PermissionsSchema = z.array(PermissionSchema).min(1).max(PERMISSIONS.length);

/** Longest name that an identity provider gives somebody. */
const SUBJECT_NAME_MAX = 320;
/** What an identity provider calls a user or a group: printable, and so that it can be written in a list. */
export const SubjectNameSchema = z
  .string()
  .min(1)
  .max(SUBJECT_NAME_MAX)
  .regex(/^[^\s\p{Cc}]([^\p{Cc}]*[^\s\p{Cc}])?$/u, "printable characters, without a blank at either end");

/** Whom a role is given to. */
export const SubjectSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("User"), name: SubjectNameSchema }),
  z.strictObject({ kind: z.literal("Group"), name: SubjectNameSchema }),
  /** One of this tenant, or of the one that `namespace` names. */
  z.strictObject({ kind: z.literal("ServiceAccount"), name: NameSchema, namespace: NameSchema.optional() }),
]);
export type Subject = z.infer<typeof SubjectSchema>;

const noStatus = z.object({ conditions: z.array(ConditionSchema) });

export const RoleSpecSchema = z.strictObject({ description: DisplayNameSchema.optional(), permissions: PermissionsSchema });
export type RoleSpec = z.infer<typeof RoleSpecSchema>;
export const RoleInputSchema = manifestOf("Role", RoleSpecSchema);
export const RoleSchema = resourceOf("Role", RoleSpecSchema, noStatus);
export type Role = z.infer<typeof RoleSchema>;
export const RolePageSchema = pageOf(RoleSchema);

/** A role of one's own: a list of permissions under a name. One of the shared tenant can be bound in every tenant. */
export const roleFacts = {
  kind: "Role",
  noun: "role",
  area: "role",
  idPrefix: "rol",
  scope: "tenant",
  access: { read: "access.read", write: "access.write" },
  actions: [],
  input: RoleInputSchema,
  schema: RoleSchema,
  errors: {
    in_use: { status: 409, title: "The role is bound", retryable: false, fault: "caller" },
  },
  audited: { description: "track", permissions: "track" } satisfies Audited<RoleSpec>,
} as const satisfies KindFacts;
export type RoleId = Id<(typeof roleFacts)["idPrefix"]>;

export const RoleBindingSpecSchema = z.strictObject({
  /** A role that is always there, or one of this tenant or the shared one. */
  role: NameSchema,
  subjects: z.array(SubjectSchema).min(1).max(256),
  /**
   * Where the role holds: in the whole tenant; in one `project` of it; or, from the shared tenant only, on the whole `platform`.
   */
  at: z
    .union(
      [z.literal("tenant"), z.literal("platform"), z.strictObject({ project: NameSchema })],
      "'tenant', 'platform' or { project: <name> }",
    )
    .default("tenant"),
});
export type RoleBindingSpec = z.infer<typeof RoleBindingSpecSchema>;
export const RoleBindingInputSchema = manifestOf("RoleBinding", RoleBindingSpecSchema);
export const RoleBindingSchema = resourceOf("RoleBinding", RoleBindingSpecSchema, noStatus);
export type RoleBinding = z.infer<typeof RoleBindingSchema>;
export const RoleBindingPageSchema = pageOf(RoleBindingSchema);

/** Gives a role to people, groups and machines. */
export const roleBindingFacts = {
  kind: "RoleBinding",
  noun: "role binding",
  area: "role_binding",
  idPrefix: "rbd",
  scope: "tenant",
  access: { read: "access.read", write: "access.write" },
  actions: [],
  input: RoleBindingInputSchema,
  schema: RoleBindingSchema,
  errors: {},
  audited: {
    role: "track",
    subjects: { kind: "track", name: "track", namespace: "track" },
    at: "track",
  } satisfies Audited<RoleBindingSpec>,
} as const satisfies KindFacts;
export type RoleBindingId = Id<(typeof roleBindingFacts)["idPrefix"]>;

export const ServiceAccountSpecSchema = z.strictObject({ description: DisplayNameSchema.optional() });
export type ServiceAccountSpec = z.infer<typeof ServiceAccountSpecSchema>;
export const ServiceAccountInputSchema = manifestOf("ServiceAccount", ServiceAccountSpecSchema.prefault({}));
export const ServiceAccountSchema = resourceOf(
  "ServiceAccount",
  ServiceAccountSpecSchema,
  noStatus.extend({ tokens: z.int().describe("tokens that are neither revoked nor expired") }),
);
export type ServiceAccount = z.infer<typeof ServiceAccountSchema>;
export const ServiceAccountPageSchema = pageOf(ServiceAccountSchema);

/** Who a machine is. It may do what bindings give it, and signs in with tokens. */
export const serviceAccountFacts = {
  kind: "ServiceAccount",
  noun: "service account",
  area: "service_account",
  idPrefix: "sva",
  scope: "tenant",
  access: { read: "access.read", write: "access.write" },
  actions: [],
  input: ServiceAccountInputSchema,
  schema: ServiceAccountSchema,
  errors: {},
  audited: { description: "track" } satisfies Audited<ServiceAccountSpec>,
} as const satisfies KindFacts;
export type ServiceAccountId = Id<(typeof serviceAccountFacts)["idPrefix"]>;

/** How long a token is good for when nobody says, in days, and at most. */
export const TOKEN_DAYS_DEFAULT = 90;
export const TOKEN_DAYS_MAX = 3650;
/** Tokens that one service account may have at once. */
export const TOKENS_PER_ACCOUNT_MAX = 64;

export const TokenInputSchema = z.strictObject({
  /** What it is for, so that people know which to revoke. */
  name: NameSchema,
  serviceAccount: NameSchema,
  /** No more than these of what its service account may do; all of that when absent. */
  scopes: PermissionsSchema.optional(),
  expiresInDays: z.int().min(1).max(TOKEN_DAYS_MAX).default(TOKEN_DAYS_DEFAULT),
});

/** A token, as it can be shown: its value is answered once, when it is made. */
export const TokenSchema = z.object({
  id: z.string(),
  name: z.string(),
  serviceAccount: z.string(),
  /** How it begins: enough to find it in a file, not to use it. */
  prefix: z.string(),
  scopes: z.array(z.string()).optional(),
  createdAt: z.iso.datetime(),
  createdBy: z.string(),
  expiresAt: z.iso.datetime(),
  /** Within a minute. */
  lastUsedAt: z.iso.datetime().optional(),
  revokedAt: z.iso.datetime().optional(),
});
export type Token = z.infer<typeof TokenSchema>;
export const TokenPageSchema = pageOf(TokenSchema);
export const TokenCreatedSchema = TokenSchema.extend({ token: z.string().describe("shown this once") });
export type TokenCreated = z.infer<typeof TokenCreatedSchema>;

export const TokenQuerySchema = ListQuerySchema.pick({ limit: true, cursor: true }).extend({
  serviceAccount: NameSchema.optional().describe("only those of this service account"),
});

const GrantedSchema = z.array(PermissionSchema);

/** Who asks, and what they may do, in the tenant that the request names. */
export const MeSchema = z.object({
  subject: z.string(),
  groups: z.array(z.string()),
  tenant: z.string().optional(),
  /** Names of the tenants where they may do something; the first 500. Who may act in all is given the tenant's own only. */
  tenants: z.array(z.string()),
  permissions: z.object({
    /** In every tenant, and on what is the platform's. */
    platform: GrantedSchema,
    tenant: GrantedSchema,
    /** By project, what is had beyond that. */
    projects: z.record(z.string(), GrantedSchema),
  }),
});
export type Me = z.infer<typeof MeSchema>;

export const AccessQuerySchema = z.strictObject({
  permission: PermissionSchema,
  project: NameSchema.optional().describe("in this project; in the tenant as a whole when absent"),
});
/** Whether a thing may be done, and why. */
export const AccessAnswerSchema = z.object({ allowed: z.boolean(), reason: z.string() });
export type AccessAnswer = z.infer<typeof AccessAnswerSchema>;

/** A provider of CLAW_ISSUERS by which people sign in. Nothing of it is a secret. */
const SignInProviderSchema = z.object({
  name: z.string(),
  label: z.string().describe("what people read where they choose"),
  cli: z
    .object({ issuer: z.string(), clientId: z.string(), scopes: z.array(z.string()) })
    .optional()
    .describe("the client that a command line is there; absent where it can't sign in"),
  browser: z.boolean().describe("whether browsers sign in there"),
});
export type SignInProvider = z.infer<typeof SignInProviderSchema>;
export const SignInSchema = z.object({ providers: z.array(SignInProviderSchema) });
