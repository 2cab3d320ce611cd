import { z } from "zod";
import { DriftSchema, InstancePhase } from "./instance.ts";
import { LeftoverSchema } from "./leftover.ts";

const subject = z.object({ uid: z.string(), name: z.string() });
/** Somebody's write. */
const written = subject.extend({ tenant: z.string(), actor: z.string() });

interface BusEventSpec {
  /** When it is published. */
  readonly when: string;
  readonly data: z.ZodObject;
}

/** What is published of each kind of resource for the writes of people and programs. */
function writes<const Aggregate extends string>(aggregate: Aggregate, noun: string, deleted = `${noun} was deleted`) {
  return {
    [`${aggregate}.created`]: { when: `${noun} was created`, data: written },
    [`${aggregate}.updated`]: { when: `${noun} was changed`, data: written },
    [`${aggregate}.deleted`]: { when: deleted, data: written },
  } as Record<`${Aggregate}.${"created" | "updated" | "deleted"}`, { when: string; data: typeof written }>;
}

/**
 * Every event of the bus: `<aggregate>.<event>` → when it is published, and the schema of its data. Published as
 * `claw.v1.<tenantId>.<aggregate>.<event>`, at least once, each with an id of its own, in order per tenant; the platform's are the tenant `default`'s.
 */
export const busEvents = {
  ...writes("tenant", "a tenant"),
  ...writes("project", "a project"),
  ...writes("config", "a config template"),
  ...writes("cluster", "a cluster"),
  ...writes("instance", "an instance", "an instance is to be destroyed"),
  "cluster.cordoned": { when: "a drain closed a cluster for new instances", data: subject.extend({ actor: z.string() }) },
  "cluster.reachable": { when: "a cluster answers, and did not before", data: subject },
  "cluster.unreachable": { when: "a cluster does not answer any more", data: subject.extend({ reason: z.string() }) },
  "instance.phase-changed": {
    when: "an instance's phase changed",
    data: subject.extend({ from: z.enum(InstancePhase), to: z.enum(InstancePhase), reason: z.string().optional() }),
  },
  "instance.drifted": {
    when: "somebody changed what was declared of an instance",
    data: subject.extend(DriftSchema.omit({ detectedAt: true, notAdopted: true }).shape),
  },
  "instance.destroyed": { when: "nothing of an instance is left but the data that is kept", data: subject },
  "instance.orphaned": {
    when: "something was found of an instance that nobody knows",
    data: LeftoverSchema,
  },
  "instance.swept": {
    when: "what was left of an instance that nobody knows was ended",
    data: LeftoverSchema,
  },
  "tenant.orphaned": { when: "a cluster has a namespace of a tenant that nobody knows", data: LeftoverSchema },
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
