import type { Logger } from "pino";
import { type InstanceId, newId } from "../../sdk/contract/index.ts";
import { SHARED_TENANT } from "../domain/tenancy/tenant.ts";
import type { HostedInstance, HostedInstances } from "./ports/leftovers.ts";
import type { Transactions } from "./ports/transactions.ts";

export interface SweepDependencies {
  readonly transactions: Transactions;
  readonly hosted: HostedInstances;
  /** How long something must have been found without an instance before it is ended. */
  readonly graceSeconds: number;
  readonly clock: () => Date;
  readonly log: Logger;
}

/** Since when, in milliseconds, what is on the host is known to belong to no instance, by the id that it has. */
export type Leftovers = Map<string, number>;

/**
 * Looks for what runs on this host of instances that nobody knows. What crashes leave is found out by the next operation on its stack; this
 * is for what slips through, such as an agent that was started by a process that had lost its stack. It is reported when it is found, on the
 * bus and in the log, and ended when it is found still after the grace. Whatever exists in the database is left alone, whatever state it is in.
 */
export async function sweepLeftovers(leftovers: Leftovers, deps: SweepDependencies): Promise<void> {
  const { hosted, log } = deps;
  // The host first: an instance is in the database before anything of it is on a host.
  const all = await hosted.list();
  const { controlPlane, known } = await deps.transactions.platform(async (tx) => ({
    controlPlane: (await tx.tenants.get(SHARED_TENANT)).id,
    known: new Set<string>(await tx.work.existingAmong(all.map(({ uid }) => uid as InstanceId))),
  }));
  const unknown = all.filter(({ uid }) => !known.has(uid));
  for (const uid of leftovers.keys()) {
    if (!unknown.some((item) => item.uid === uid)) {
      leftovers.delete(uid);
    }
  }
  const isOwn = await hosted.isOwnedBy(controlPlane, unknown.length < all.length || all.length === 0);
  const nowMs = deps.clock().getTime();
  for (const item of unknown) {
    const sinceMs = leftovers.get(item.uid);
    if (sinceMs === undefined) {
      leftovers.set(item.uid, nowMs);
      log.warn({ ...item, endedAfterSeconds: isOwn ? deps.graceSeconds : undefined }, describe(isOwn));
      await publish("orphaned", item, deps);
    } else if (isOwn && nowMs - sinceMs >= deps.graceSeconds * 1000) {
      await hosted.end(item.uid).then(
        async () => {
          leftovers.delete(item.uid);
          log.warn(item, "what was left on this host of an instance that nobody knows was ended");
          await publish("swept", item, deps);
        },
        (err: unknown) => log.warn({ err, ...item }, "what was left of an instance could not be ended; it is tried again"),
      );
    }
  }
}

function describe(isOwn: boolean): string {
  return isOwn
    ? "there is something on this host of an instance that nobody knows"
    : "there is something on this host of an instance of another control plane, or of another database: it is left alone";
}

/** It has no tenant any more: the event is the platform's. */
async function publish(event: "orphaned" | "swept", { uid, found }: HostedInstance, deps: SweepDependencies): Promise<void> {
  await deps.transactions.platform(async (tx) => {
    const shared = await tx.enter((await tx.tenants.get(SHARED_TENANT)).id);
    const time = deps.clock().toISOString();
    await shared.publish({ id: newId("evt"), event: `instance.${event}`, time, data: { uid, found: [...found] } });
  });
}
