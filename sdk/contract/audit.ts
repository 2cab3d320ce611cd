import { z } from "zod";
import { ListQuerySchema } from "./meta.ts";
import { PropertyDiffSchema } from "./property-diff.ts";

export const AuditResult = { Success: "success", Refused: "refused" } as const;
export type AuditResult = (typeof AuditResult)[keyof typeof AuditResult];

/** What a chain is called that is of no tenant; others by their tenant's id. */
export const PLATFORM_CHAIN = "platform";

/** How long records are kept at least where they are removed at all, so that what somebody has done can't be made to go soon; and at most. */
export const AUDIT_DAYS_MIN = 30;
export const AUDIT_DAYS_MAX = 3650;

const HashSchema = z
  .string()
  .max(64)
  .regex(/^[0-9a-f]{64}$/, "64 hexadecimal digits");
const SequenceSchema = z.int().min(0);

/** Where somebody is who does something. */
export const AuditOriginSchema = z.object({
  /** Of the network; a trusted proxy's word for it. */
  address: z.string().optional(),
  /** The program, as it calls itself. */
  agent: z.string().optional(),
  requestId: z.string().optional(),
  /** The browser's session, where there is one. */
  session: z.string().optional(),
});
export type AuditOrigin = z.infer<typeof AuditOriginSchema>;

/** One thing that somebody did, or tried to do. */
export const AuditRecordSchema = z.object({
  /** Its place in the chain, from 1 on and without gaps. */
  sequence: SequenceSchema,
  time: z.iso.datetime(),
  /** Who: `alice@example.com`, `serviceaccount:acme/ci`, `admin`. */
  actor: z.string(),
  /** What: `instance.create`, `instance.stop`, `token.revoke`, `stack.export`, `auth.sign-in`. */
  action: z.string(),
  /** On which: absent where it is about none. */
  resource: z.object({ kind: z.string(), name: z.string(), uid: z.string().optional(), tenant: z.string().optional() }).optional(),
  result: z.enum(AuditResult),
  /** Of a refusal: its error code. */
  reason: z.string().optional(),
  /** Of refusals that are told together: how many more there were within five minutes of the first. */
  count: z.int().optional(),
  from: AuditOriginSchema,
  /** What it changed; secrets are masked, and say that they changed. */
  diff: z.array(PropertyDiffSchema),
  /** Differences for which there was no room. */
  cut: z.int().optional(),
  details: z.record(z.string(), z.string()),
  /** SHA-256, hex, of the canonical JSON (keys sorted) of `[the hash before it, this record without its hash]`. */
  hash: HashSchema,
});
export type AuditRecord = z.infer<typeof AuditRecordSchema>;
export const AuditPageSchema = z.object({ items: z.array(AuditRecordSchema), nextCursor: z.string().optional() });

export const AuditQuerySchema = ListQuerySchema.pick({ limit: true, cursor: true }).extend({
  since: z.iso.datetime().max(64).optional().describe("only from this time on"),
  until: z.iso.datetime().max(64).optional().describe("only until this time"),
  actor: z.string().max(512).optional().describe("only what they did"),
  action: z
    .string()
    .max(128)
    .regex(/^[a-z_]+(\.[a-z-]+)?$/, "an action such as 'instance.create', or what it begins with: 'instance'")
    .optional()
    .describe("only this action, or, without a dot, those of one area: instance, token, auth"),
  resource: z
    .string()
    .max(256)
    .optional()
    .describe("only on this one: its name or uid, with its kind before it where the name alone does not tell: ClawInstance/web"),
  result: z.enum(AuditResult).optional(),
  after: z.coerce.number().int().min(0).optional().describe("oldest first, of those with a higher sequence; newest first when absent"),
});
export type AuditQuery = z.infer<typeof AuditQuerySchema>;

/** Where a chain is, as the service has signed it. */
export const AuditHeadSchema = z.object({
  /** A tenant's id, or `platform`. */
  chain: z.string(),
  /** The newest record that retention has removed; 0 while there is none, and 64 zeros for its hash. */
  start: z.object({ sequence: SequenceSchema, hash: HashSchema }),
  /** The newest record. */
  sequence: SequenceSchema,
  hash: HashSchema,
  time: z.iso.datetime(),
  /** The record of the platform's chain that says when this one began. */
  opened: SequenceSchema,
  /** Ed25519 of {@link auditHeadText}, base64url. */
  signature: z.string(),
});
export type AuditHead = z.infer<typeof AuditHeadSchema>;

/** What is signed of a head. */
export function auditHeadText({ chain, start, sequence, hash, time, opened }: Omit<AuditHead, "signature">): string {
  return ["claw audit head 1", chain, start.sequence, start.hash, sequence, hash, time, opened].join("\n");
}

export const AuditVerifyQuerySchema = z.strictObject({
  from: z.string().max(256).optional().describe("go on from here: what the last answer said"),
  sequence: z.coerce.number().int().min(1).optional().describe("a record that was known before, by its sequence"),
  hash: HashSchema.optional().describe("and the hash that it had"),
});

/** Whether a chain is whole, as far as it was looked at. */
export const AuditVerificationSchema = z.object({
  valid: z.boolean(),
  /** Records that were looked at. */
  checked: z.int(),
  /** What is wrong, and with which record first. */
  fault: z.object({ sequence: SequenceSchema.optional(), message: z.string() }).optional(),
  /** What was known and can't be compared any more: retention has removed that record, so nothing here says whether it was this one. */
  unproven: z.object({ sequence: SequenceSchema, message: z.string() }).optional(),
  /** Absent where there is none. */
  head: AuditHeadSchema.optional(),
  /** The key that heads are signed with, SPKI in base64: it is the same while the service keeps what its secrets are derived from. */
  publicKey: z.string(),
  /** There is more to look at. */
  next: z.string().optional(),
});
export type AuditVerification = z.infer<typeof AuditVerificationSchema>;

/** One of the chains that there are, or should be by what the platform's says. */
export const AuditChainSchema = z.object({
  chain: z.string(),
  /** Of the newest record; absent where nothing is left of the chain. */
  sequence: SequenceSchema.optional(),
  time: z.iso.datetime().optional(),
});
export const AuditChainPageSchema = z.object({ items: z.array(AuditChainSchema), nextCursor: z.string().optional() });
