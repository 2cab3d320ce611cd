import { z } from "zod";
import { DriftSchema, InstancePhase } from "./instance.ts";
import type { KindFacts } from "./kind.ts";
import { resourceKinds } from "./kinds.ts";
import { LeftoverSchema } from "./leftover.ts";
import { PolicyModeSchema } from "./policy.ts";
import { RolloutPhase } from "./rollout.ts";

const subject = z.object({ uid: z.string(), name: z.string() });
/** Somebody's write. */
const written = subject.extend({ tenant: z.string(), actor: z.string() });

interface BusEventSpec {
  /** When it is published. */
  readonly when: string;
  readonly data: z.ZodObject;
}

type Area = (typeof resourceKinds)[number]["area"];

/** What is published of every kind of resource for the writes of people and programs. */
function writes() {
  const events = (resourceKinds as readonly KindFacts[]).flatMap(({ area, noun, deletedWhen }) => {
    const one = `${/^[aeiou]/.test(noun) ? "an" : "a"} ${noun}`;
    return [
      [`${area}.created`, { when: `${one} was created`, data: written }],
      [`${area}.updated`, { when: `${one} was changed`, data: written }],
      [`${area}.deleted`, { when: deletedWhen ?? `${one} was deleted`, data: written }],
    ];
  });
  return Object.fromEntries(events) as Record<`${Area}.${"created" | "updated" | "deleted"}`, { when: string; data: typeof written }>;
}

/**
 * Every event of the bus: `<aggregate>.<event>` → when it is published, and the schema of its data. Published as
 * `claw.v1.<tenantId>.<aggregate>.<event>`, at least once, each with an id of its own, in order per tenant; the platform's are the tenant `default`'s.
 */
export const busEvents = {
  ...writes(),
  "cluster.cordoned": { when: "a drain closed a cluster for new instances", data: subject.extend({ actor: z.string() }) },
  "cluster.reachable": { when: "a cluster answers, and did not before", data: subject },
  "cluster.unreachable": { when: "a cluster does not answer any more", data: subject.extend({ reason: z.string() }) },
  "instance.phase-changed": {
    when: "an instance's phase changed",
    data: subject.extend({ from: z.enum(InstancePhase), to: z.enum(InstancePhase), reason: z.string().optional() }),
  },
  "instance.channels-changed": {
    when: "a channel of an instance does not work any more, or all of them do again",
    data: subject.extend({ working: z.boolean(), message: z.string().describe("which does not, and why; those that work again") }),
  },
  "instance.drifted": {
    when: "somebody changed what was declared of an instance",
    data: subject.extend(DriftSchema.omit({ detectedAt: true, notAdopted: true }).shape),
  },
  "instance.config-altered": {
    when: "what an instance's claw is configured with came to differ from what is declared, or in other keys than before; or does not any more",
    data: subject.extend({
      keys: z.array(z.string()).describe("those that differ and are not ignored, without their values; none when it is as declared again"),
      by: z.string().optional().describe("who wrote the file, where its owner says that"),
      changedAt: z.string().optional(),
    }),
  },
  "instance.violated": {
    when: "an instance violates a policy that warns or is audited, and did not before",
    data: subject.extend({ policy: z.string(), mode: PolicyModeSchema, message: z.string(), tenant: z.string(), actor: z.string() }),
  },
  "instance.destroyed": { when: "nothing of an instance is left but the data that is kept", data: subject },
  "secret.changed": {
    when: "the source of a secret gave another value, which those who use it get",
    data: subject.extend({ tenant: z.string() }),
  },
  "instance.orphaned": {
    when: "something was found of an instance that nobody knows",
    data: LeftoverSchema,
  },
  "instance.swept": {
    when: "what was left of an instance that nobody knows was ended",
    data: LeftoverSchema,
  },
  "rollout.progressed": {
    when: "a rollout's phase changed, or it came to another wave",
    data: subject.extend({ phase: z.enum(RolloutPhase), reason: z.string(), message: z.string(), wave: z.string().optional() }),
  },
  "tenant.network-opened": {
    when: "somebody put a network policy into a tenant's namespace: what it allows holds there beside what was declared",
    data: LeftoverSchema,
  },
  "tenant.orphaned": { when: "a cluster has a namespace of a tenant that nobody knows", data: LeftoverSchema },
  "tenant.swept": {
    when: "the namespace of a tenant that nobody knows was deleted: there was nothing of anybody's in it",
    data: LeftoverSchema,
  },
} satisfies Record<`${string}.${string}`, BusEventSpec>;

export type BusEventName = keyof typeof busEvents;
export type BusEventData<Name extends BusEventName> = z.infer<(typeof busEvents)[Name]["data"]>;

/** A message of the bus, as its payload holds it. `aggregate` and `event` tell what `data` is. */
export type BusMessage = {
  [Name in BusEventName]: Name extends `${infer Aggregate}.${infer Event}`
    ? {
        readonly id: string;
        readonly tenantId: string;
        readonly aggregate: Aggregate;
        readonly event: Event;
        /** ISO-8601. */
        readonly time: string;
        readonly data: BusEventData<Name>;
      }
    : never;
}[BusEventName];
