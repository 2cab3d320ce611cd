import { queryOptions } from "@tanstack/react-query";
import { ConnectionError } from "../../../sdk/client/index.ts";
import type { ClawInstance } from "../../../sdk/contract/index.ts";
import { claw } from "../app/claw.ts";
import { noteAnswer, noteBreak } from "../app/connection.ts";

const PAGE = 500;
/** More than a table is read through: who has more narrows it down by a selector. */
export const FLEET_MAX = 10_000;
/** What happens at once is shown at once. */
const FLUSH_MS = 250;
/** What the stream of an instance tells nothing of is looked at by itself. */
const LOOK_MS = 15_000;
/** How often one looks at what is being done while it is. */
const LIVE_MS = 1_000;

/** The instances that are looked at. */
export interface Fleet {
  readonly items: readonly ClawInstance[];
  /** Whether there are more than are kept. */
  readonly isCut: boolean;
}

/** Instances of a tenant, kept as they are by one stream for as long as anybody looks: the query never ends. Its key is no other's, so that nothing begins it anew. */
export const fleetQuery = (tenant: string, labelSelector = "") =>
  queryOptions({
    queryKey: ["live", tenant, "instances", labelSelector],
    queryFn: async ({ signal, client, queryKey }): Promise<Fleet> => {
      let known = new Map<string, ClawInstance>();
      let isSynced = false;
      let isFlushDue = false;
      const flush = () => {
        isFlushDue = false;
        if (isSynced && !signal.aborted) {
          client.setQueryData<Fleet>(queryKey, { items: [...known.values()], isCut: known.size >= FLEET_MAX });
        }
      };
      for (;;) {
        try {
          const changes = claw(tenant).instances.watchAll({ labelSelector: labelSelector || undefined, signal, onBroken: noteBreak });
          for await (const change of changes) {
            noteAnswer();
            if (change.type === "instances") {
              for (const instance of change.items) {
                if (known.size < FLEET_MAX || known.has(instance.metadata.uid)) {
                  known.set(instance.metadata.uid, instance);
                }
              }
            } else if (change.type === "gone") {
              for (const uid of change.uids) {
                known.delete(uid);
              }
            } else if (change.type === "anew") {
              known = new Map();
              isSynced = false;
              // What else is shown is as old as the break.
              void client.invalidateQueries({ queryKey: [tenant] });
            } else {
              isSynced = true;
              flush();
            }
            if (!isFlushDue) {
              isFlushDue = true;
              setTimeout(flush, FLUSH_MS);
            }
          }
        } catch (error) {
          if (!(error instanceof ConnectionError) || client.getQueryData(queryKey) === undefined) {
            throw error;
          }
          noteBreak();
        }
        known = new Map();
        isSynced = false;
      }
    },
    structuralSharing: false,
  });

/** One instance, kept as it is by a stream; what else is shown of it is looked at whenever that tells of a change. */
export const instanceQuery = (tenant: string, id: string) =>
  queryOptions({
    queryKey: ["live", tenant, "instance", id],
    queryFn: async ({ signal, client, queryKey }): Promise<ClawInstance> => {
      for (;;) {
        const { uid } = (await claw(tenant).instances.get(id, { signal })).metadata;
        let isThere = false;
        try {
          for await (const change of claw(tenant).instances.watchAll({
            fieldSelector: `metadata.uid=${uid}`,
            signal,
            onBroken: noteBreak,
          })) {
            noteAnswer();
            if (change.type === "anew") {
              isThere = false;
            } else if (change.type === "instances") {
              isThere = true;
              client.setQueryData<ClawInstance>(queryKey, (before) => change.items.find(({ metadata }) => metadata.uid === uid) ?? before);
              void client.invalidateQueries({ queryKey: [tenant, "instance", uid] });
            } else if (change.type === "gone" || !isThere) {
              break;
            }
          }
        } catch (error) {
          if (!(error instanceof ConnectionError)) {
            throw error;
          }
          noteBreak();
        }
      }
    },
  });

/** Whether a name is somebody's. */
export const nameTakenQuery = (tenant: string, name: string) =>
  queryOptions({
    queryKey: [tenant, "name-taken", name],
    queryFn: async ({ signal }) =>
      (await claw(tenant).instances.list({ limit: 1, fieldSelector: `metadata.name=${name}` }, { signal })).items.length > 0,
  });

export const eventsQuery = (tenant: string, id: string) =>
  queryOptions({
    queryKey: [tenant, "instance", id, "events"],
    queryFn: async ({ signal }) => (await claw(tenant).instances.events(id, { limit: 100 }, { signal })).items,
    refetchInterval: LOOK_MS,
  });

/** What is being done is looked at closely for as long as it is, or is about to be; the stream of the instance tells of the rest. */
export const operationsQuery = (tenant: string, { metadata, status }: ClawInstance) =>
  queryOptions({
    queryKey: [tenant, "instance", metadata.uid, "operations"],
    queryFn: async ({ signal }) => (await claw(tenant).instances.operations(metadata.uid, { signal })).items,
    refetchInterval: ({ state: { data } }) => {
      const isDue = status.observedGeneration < metadata.generation && status.phase !== "Failed";
      return isDue || data?.[0]?.state === "running" ? LIVE_MS : false;
    },
  });

export const configQuery = (tenant: string, id: string) =>
  queryOptions({
    queryKey: [tenant, "instance", id, "config"],
    queryFn: ({ signal }) => claw(tenant).instances.config(id, { explain: true, limit: PAGE }, { signal }),
    refetchInterval: LOOK_MS,
  });

/** What its claw reads; none while it can't be resolved. */
export const filesQuery = (tenant: string, id: string) =>
  queryOptions({
    queryKey: [tenant, "instance", id, "files"],
    queryFn: async ({ signal }) => (await claw(tenant).instances.config(id, { files: true, limit: 1 }, { signal })).files ?? [],
    refetchInterval: LOOK_MS,
  });
