import { queryOptions } from "@tanstack/react-query";
import type { ClawInstance } from "../../../sdk/contract/index.ts";
import { claw } from "../app/claw.ts";

const PAGE = 500;
/** More than a table is read through: who has more narrows it down by a selector. */
export const FLEET_MAX = 10_000;
const LOOK_MS = 2_000;
const ONE_LOOK_MS = 1_500;

/** The instances that are looked at. */
export interface Fleet {
  readonly items: readonly ClawInstance[];
  /** Whether there are more than are read. */
  readonly isCut: boolean;
}

/** Instances of a tenant, by name. Read again and again, the more seldom the more there are: one page of 500 every two seconds. */
export const fleetQuery = (tenant: string, labelSelector?: string) =>
  queryOptions({
    queryKey: [tenant, "instances", labelSelector ?? ""],
    queryFn: async ({ signal }): Promise<Fleet> => {
      const items: ClawInstance[] = [];
      const list = claw(tenant).instances.list({ limit: PAGE, sort: "metadata.name", ...(labelSelector && { labelSelector }) }, { signal });
      for await (const page of list.pages()) {
        // Plain objects: those that are as before stay the same ones, so their rows need not be drawn again.
        items.push(...page.items.map((instance) => ({ ...instance })));
        if (items.length >= FLEET_MAX) {
          return { items, isCut: page.nextCursor !== undefined };
        }
      }
      return { items, isCut: false };
    },
    refetchInterval: ({ state: { data } }) => LOOK_MS * Math.max(1, Math.ceil((data?.items.length ?? 0) / PAGE)),
  });

export const instanceQuery = (tenant: string, id: string) =>
  queryOptions({
    queryKey: [tenant, "instance", id],
    queryFn: async ({ signal }): Promise<ClawInstance> => ({ ...(await claw(tenant).instances.get(id, { signal })) }),
    refetchInterval: ONE_LOOK_MS,
  });

export const eventsQuery = (tenant: string, id: string) =>
  queryOptions({
    queryKey: [tenant, "instance", id, "events"],
    queryFn: async ({ signal }) => (await claw(tenant).instances.events(id, { limit: 100 }, { signal })).items,
    refetchInterval: LOOK_MS,
  });

export const configQuery = (tenant: string, id: string) =>
  queryOptions({
    queryKey: [tenant, "instance", id, "config"],
    queryFn: ({ signal }) => claw(tenant).instances.config(id, { explain: true, limit: PAGE }, { signal }),
    refetchInterval: LOOK_MS * 3,
  });
