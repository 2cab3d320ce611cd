import { z } from "zod";
import type { Audited } from "./audited.ts";
import { issueOf, TextSchema } from "./bounds.ts";
import { ConditionType } from "./conditions.ts";
import { VersionNumberSchema } from "./config-template.ts";
import { TypeNameSchema, VersionSchema } from "./identifiers.ts";
import type { Id } from "./ids.ts";
import { actionOf, carriedStatus, conditionPath, type KindFacts } from "./kind.ts";
import { auditedHours, maintenanceHours } from "./maintenance.ts";
import { ConditionSchema, ListQuerySchema, manifestOf, NameSchema, pageOf, resourceOf } from "./meta.ts";

/** Instances that one rollout takes at most. */
export const ROLLOUT_INSTANCES_MAX = 1000;
const WAVES_MAX = 20;

/** Labels of instances, as lists select by them: `ring=canary`. */
const SelectorSchema = z.string().min(1).max(4096);
const SecondsSchema = z
  .int()
  .min(0)
  .max(7 * 24 * 3600);

/** What is rolled out: one of these. */
const RolloutChangeSchema = z
  .strictObject({
    /** A version of a config template, held or published: see `claw configs publish --hold`. */
    config: z.strictObject({ template: NameSchema, version: VersionNumberSchema }).optional(),
    /** A version of the program of a claw type. */
    software: z.strictObject({ type: TypeNameSchema, version: VersionSchema }).optional(),
    /** A secret's value that is to come, by its number: see `claw secrets set --hold`. */
    secret: z.strictObject({ name: NameSchema, number: VersionNumberSchema }).optional(),
  })
  .refine(
    (change) => Object.values(change).filter((part) => part !== undefined).length === 1,
    "give one of 'config', 'software' and 'secret'",
  );
export type RolloutChange = z.infer<typeof RolloutChangeSchema>;

const WaveSchema = z.strictObject({
  name: NameSchema,
  selector: SelectorSchema,
  /** Whether somebody has to approve of it before it begins. */
  approval: z.boolean().default(false),
});

const PercentagesSchema = z
  .array(z.int().min(1).max(100))
  .min(1)
  .max(WAVES_MAX)
  .check(({ value, issues }) => {
    const index = value.findIndex((percent, at) => at > 0 && percent <= (value[at - 1] ?? 0));
    if (index >= 0) {
      issues.push(
        issueOf(value, { message: "is not more than the one before", fix: "give how far each wave goes in all: [5, 25, 100]" }, [index]),
      );
    }
  });

/** In which waves: all instances in one; one, then the rest; up to so many percent each; or by labels, what no wave selects last. */
const StrategySchema = z.union(
  [
    z.enum(["all-at-once", "one-then-rest"]),
    z.strictObject({ percentages: PercentagesSchema }),
    z.strictObject({ waves: z.array(WaveSchema).min(1).max(WAVES_MAX) }),
  ],
  "'all-at-once', 'one-then-rest', { percentages: [5, 25, 100] } or { waves: [{ name, selector }] }",
);

const GatesSchema = z.strictObject({
  /** Each instance is ready, with what is declared, this long after its change at the latest; and stays so. */
  ready: z.strictObject({ withinSeconds: SecondsSchema.min(1).default(300) }).prefault({}),
  /** How often one instance may end by itself after it came up with the change. */
  restarts: z.strictObject({ max: z.int().min(0).max(1000).default(0) }).prefault({}),
  /** How many lines of its log, of the last ones, may have one of these texts, case ignored. */
  logErrors: z
    .strictObject({
      texts: z.array(z.string().min(1).max(256)).min(1).max(20).default(["error", "fatal"]),
      max: z.int().min(0).max(1000).default(0),
      lines: z.int().min(1).max(1000).default(200),
    })
    .optional(),
  /** A message to a claw of each wave whose answer has to have a text in it, case ignored. It takes tokens. */
  probe: z
    .strictObject({
      message: z.string().min(1).max(4096),
      expect: z.string().min(1).max(1024),
      withinSeconds: SecondsSchema.min(1).max(600).default(60),
      /** How many of a wave are asked. */
      instances: z.int().min(1).max(10).default(1),
      /** How many tokens one such turn may take, by what the claw says; one that does not say it fails. */
      maxTokens: z.int().min(1).max(100_000_000).optional(),
    })
    .optional(),
});

export const RolloutSpecSchema = z.strictObject({
  description: TextSchema.default(""),
  change: RolloutChangeSchema,
  /** Labels of the instances that it is about; all that use the template, or are of the type, when absent. */
  selector: SelectorSchema.optional(),
  strategy: StrategySchema.default("one-then-rest"),
  /** How long a wave is watched before the next one begins. */
  bakeSeconds: SecondsSchema.default(60),
  /** How many may be not ready at a time, of all that it is about: a number, or a part such as `20%`. A whole wave when absent. */
  maxUnavailable: z
    .union(
      [
        z.int().min(1).max(ROLLOUT_INSTANCES_MAX),
        z
          .string()
          .max(4)
          .regex(/^([1-9]\d?|100)%$/),
      ],
      "a number such as 2, or a part such as '20%'",
    )
    .optional(),
  /** Whether somebody has to approve of each wave after the first. */
  approval: z.enum(["none", "each-wave"]).default("none"),
  gates: GatesSchema.prefault({}),
  /** What becomes of it when a gate fails. */
  onFailure: z.enum(["pause", "rollback"]).default("pause"),
  ...maintenanceHours,
});
export type RolloutSpec = z.infer<typeof RolloutSpecSchema>;

export const RolloutPhase = {
  Progressing: "Progressing",
  AwaitingApproval: "AwaitingApproval",
  Paused: "Paused",
  RollingBack: "RollingBack",
  Completed: "Completed",
  Aborted: "Aborted",
  RolledBack: "RolledBack",
} as const;
export type RolloutPhase = keyof typeof RolloutPhase;

/** What was found at a gate, for programs and for people of any language; its numbers and names are in `params`. */
export const EvidenceCode = {
  /** `met` of `of` instances are as wanted; `missing` names those that are not. */
  Counted: "Counted",
  /** No instance ended by itself more often than `most` times, of `max`. */
  Restarts: "Restarts",
  /** `count` lines in the log of `name`, of `max`, the last of which is `line`. */
  LogLines: "LogLines",
  /** `count` instances answered as wanted, with at most `tokens`, where that is bounded. */
  Answered: "Answered",
  /** There is nobody to ask: no instance of the wave runs. */
  NobodyRuns: "NobodyRuns",
  /** `name` answered with `answer`. */
  AnsweredOtherwise: "AnsweredOtherwise",
  /** `name` took `tokens`. */
  TokensTooMany: "TokensTooMany",
  /** `name` did not say what it took. */
  TokensUntold: "TokensUntold",
  /** By whose leave it goes on may not ask: `permission` is missing. */
  NotAllowed: "NotAllowed",
  /** `name` could not be asked or read: `message` says why. */
  Unanswered: "Unanswered",
  NotMeasured: "NotMeasured",
} as const;
export type EvidenceCode = keyof typeof EvidenceCode;

/** What was found when a gate was looked at. */
export const RolloutEvidenceSchema = z.object({
  gate: z.enum(["ready", "config-synced", "restarts", "log-errors", "probe"]),
  /** `waiting`: nothing can be said yet. */
  verdict: z.enum(["passed", "waiting", "failed"]),
  /** In words. */
  value: z.string(),
  threshold: z.string(),
  /** The same as a code with what belongs to it, and to what was wanted; what was found before there were codes has none. */
  code: z.enum(EvidenceCode).optional(),
  params: z.record(z.string(), z.string()).optional(),
  measuredAt: z.iso.datetime(),
  /** What was looked at. */
  source: z.string(),
});
export type RolloutEvidence = z.infer<typeof RolloutEvidenceSchema>;

export const RolloutWaveSchema = z.object({
  name: z.string(),
  phase: z.enum(["Pending", "Updating", "Baking", "Passed", "Failed"]),
  /** How many it has, and how many of them have the change and are ready. */
  instances: z.int(),
  updated: z.int(),
  startedAt: z.iso.datetime().optional(),
  /** Until then it is watched. */
  bakesUntil: z.iso.datetime().optional(),
  passedAt: z.iso.datetime().optional(),
  approvedBy: z.string().optional(),
  gates: z.array(RolloutEvidenceSchema),
});
export type RolloutWave = z.infer<typeof RolloutWaveSchema>;

export const RolloutInstanceSchema = z.object({
  name: z.string(),
  wave: z.string(),
  state: z.enum(["pending", "updating", "updated", "failed", "reverting", "reverted", "left"]),
  /** The version that it had, and the one that it gets; null for whichever is current. */
  from: z.union([z.string(), z.int()]).nullable(),
  to: z.union([z.string(), z.int()]),
  message: z.string(),
  changedAt: z.iso.datetime().optional(),
});
export type RolloutInstance = z.infer<typeof RolloutInstanceSchema>;
export const RolloutInstancePageSchema = pageOf(RolloutInstanceSchema);
export const RolloutInstanceQuerySchema = ListQuerySchema.pick({ limit: true, cursor: true });

/** Names of instances, as many as are told, of how many. */
const NamedSchema = z.object({ count: z.int(), instances: z.array(z.string()), why: z.string() });

export const RolloutStatusSchema = z.object({
  phase: z.enum(RolloutPhase),
  /** A `RolloutReason`, and in a sentence. */
  reason: z.string(),
  message: z.string(),
  /** The preview that it is bound to. */
  planId: z.string().optional(),
  /** By whose leave it goes on. */
  actor: z.string(),
  counts: z.object({
    total: z.int(),
    pending: z.int(),
    updating: z.int(),
    updated: z.int(),
    failed: z.int(),
    reverted: z.int(),
    left: z.int(),
  }),
  waves: z.array(RolloutWaveSchema),
  /** Instances that it leaves as they are, by why. */
  leftOut: z.array(NamedSchema),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().optional(),
  conditions: z.array(ConditionSchema),
});
export type RolloutStatus = z.infer<typeof RolloutStatusSchema>;

export const RolloutInputSchema = manifestOf("Rollout", RolloutSpecSchema);
export type RolloutInput = z.infer<typeof RolloutInputSchema>;
export const RolloutSchema = resourceOf("Rollout", RolloutSpecSchema, RolloutStatusSchema);
export type Rollout = z.infer<typeof RolloutSchema>;
export const RolloutPageSchema = pageOf(RolloutSchema);

export const pauseAction = actionOf("pause", "rollouts.operate");
/** Goes on for who began it, or, where they may not do that any more, for who asks for it. */
export const resumeAction = actionOf("resume", "rollouts.operate");
export const approveAction = actionOf("approve", "rollouts.operate");
/** Ends it: instances stay as they are, or get back what they had. */
export const AbortRequestSchema = z.strictObject({ rollback: z.boolean().default(false) });
export const abortAction = actionOf("abort", "rollouts.operate", AbortRequestSchema);
/** Tries what failed once more, one instance or all. */
export const RetryRequestSchema = z.strictObject({ instance: NameSchema.optional() });
export const retryAction = actionOf("retry", "rollouts.operate", RetryRequestSchema);

export const rolloutFacts = {
  kind: "Rollout",
  noun: "rollout",
  area: "rollout",
  idPrefix: "rll",
  scope: "tenant",
  access: { read: "rollouts.read", write: "rollouts.write" },
  actions: [pauseAction, resumeAction, approveAction, abortAction, retryAction],
  input: RolloutInputSchema,
  schema: RolloutSchema,
  customResource: {
    plural: "rollouts",
    shortNames: ["clawrollout"],
    spec: RolloutSpecSchema,
    status: RolloutStatusSchema.partial().extend(carriedStatus),
    columns: [
      ["Phase", "string", ".status.phase"],
      ["Done", "integer", ".status.counts.updated"],
      ["Of", "integer", ".status.counts.total"],
      ["Failed", "integer", ".status.counts.failed"],
      ["Accepted", "string", conditionPath(ConditionType.Accepted, "status")],
      ["Message", "string", ".status.message", 1],
    ],
    rules: {
      spec: [{ rule: "self == oldSelf", message: "a rollout is what it was begun as; begin another" }],
      "spec.change": [
        {
          rule: "[has(self.config), has(self.software), has(self.secret)].filter(given, given).size() == 1",
          message: "give one of 'config', 'software' and 'secret'",
        },
      ],
    },
    keys: {},
  },
  errors: {
    overlaps: { status: 409, title: "Another rollout has the instance", retryable: false, fault: "caller" },
    empty: { status: 422, title: "The rollout is about no instance", retryable: false, fault: "caller" },
    unchangeable: { status: 409, title: "A rollout can't be changed", retryable: false, fault: "caller" },
    wrong_phase: { status: 409, title: "The rollout's phase forbids this", retryable: false, fault: "caller" },
    active: { status: 409, title: "The rollout is under way", retryable: false, fault: "caller" },
  },
  audited: {
    description: "track",
    change: {
      config: { template: "track", version: "track" },
      software: { type: "track", version: "track" },
      secret: { name: "track", number: "track" },
    },
    selector: "track",
    strategy: "track",
    bakeSeconds: "track",
    maxUnavailable: "track",
    approval: "track",
    gates: {
      ready: { withinSeconds: "track" },
      restarts: { max: "track" },
      logErrors: { texts: "track", max: "track", lines: "track" },
      probe: { message: "track", expect: "track", withinSeconds: "track", instances: "track", maxTokens: "track" },
    },
    onFailure: "track",
    ...auditedHours,
  } satisfies Audited<RolloutSpec>,
} as const satisfies KindFacts;
export type RolloutId = Id<(typeof rolloutFacts)["idPrefix"]>;
