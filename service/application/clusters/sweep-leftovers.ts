import type { Logger } from "pino";
import { type InstanceId, LeftoverReason, newId } from "../../../sdk/contract/index.ts";
import { SHARED_TENANT } from "../../domain/tenancy/tenant.ts";
import type { FoundLeftover, MarkedThing, Place, StoredLeftover } from "../ports/clusters/leftovers.ts";
import type { PlatformTransaction, Transactions } from "../ports/transactions.ts";
import { controlPlaneId } from "../runtimes/control-plane-id.ts";
import { endsAt, presentLeftover } from "./present-leftover.ts";

export interface SweepDependencies {
  readonly transactions: Transactions;
  /** How long something must have been found without an instance before it is ended. */
  readonly graceSeconds: number;
  readonly clock: () => Date;
  readonly log: Logger;
}

/** A host or a cluster, where instances may have left something. */
export interface SweptPlace extends Place {
  /** What there is with a mark of this control plane's instances and tenants. */
  list(controlPlane: string): Promise<readonly MarkedThing[]>;
  /** Of what no instance and no tenant has: what nobody knows, and what of that is left alone. @param all what there is */
  judge(unknown: readonly MarkedThing[], all: readonly MarkedThing[], controlPlane: string): Promise<readonly FoundLeftover[]>;
  /** Safe to repeat. */
  end(thing: MarkedThing): Promise<void>;
}

/**
 * Looks for what is at a place of instances that nobody knows. What crashes leave is found out by the next operation on its stack; this
 * is for what slips through, such as an agent that was started by a process that had lost its stack. It is reported when it is found, on the
 * bus, in the log and by the API, and ended when it is found still after the grace. Whatever exists in the database is left alone, whatever
 * state it is in.
 */
export async function sweepLeftovers(place: SweptPlace, deps: SweepDependencies): Promise<void> {
  const controlPlane = await deps.transactions.platform(controlPlaneId);
  // The place first: an instance is in the database before anything of it is anywhere.
  const all = await place.list(controlPlane);
  const unknown = await deps.transactions.platform((tx) => withoutKnown(tx, all));
  const found = await place.judge(unknown, all, controlPlane);
  const now = deps.clock().toISOString();
  const stored = await deps.transactions.platform(async (tx) => {
    const noted = await tx.leftovers.note(place, found, now);
    await publish(
      tx,
      "orphaned",
      noted.filter(({ added }) => added),
      deps,
    );
    return noted;
  });
  for (const leftover of stored) {
    const { added, ...item } = leftover;
    const end = endsAt(item, deps.graceSeconds);
    if (added) {
      // Data that outlive their instance are nothing to be warned of.
      const isDue = end !== undefined || isOthers(item);
      deps.log[isDue ? "warn" : "info"](
        { ...item, endsAt: end },
        isOthers(item) ? OPENED : "there is something of an instance that nobody knows",
      );
    } else if (end !== undefined && end <= now) {
      await endLeftover(place, item, deps).catch((err: unknown) =>
        deps.log.warn({ err, ...item }, "what was left of an instance could not be ended; it is tried again"),
      );
    }
  }
}

async function endLeftover(place: SweptPlace, leftover: StoredLeftover, deps: SweepDependencies): Promise<void> {
  await place.end(leftover);
  const isFirst = await deps.transactions.platform(async (tx) => {
    const removed = await tx.leftovers.remove(leftover);
    await publish(tx, "swept", removed ? [leftover] : [], deps);
    return removed;
  });
  if (isFirst) {
    deps.log.warn(leftover, "what was left of an instance that nobody knows was ended");
  }
}

/** Those of which neither the instance nor, where none is named, the tenant is in the database. */
async function withoutKnown(tx: PlatformTransaction, things: readonly MarkedThing[]): Promise<readonly MarkedThing[]> {
  const instances = things.flatMap(({ instance }) => (instance === undefined ? [] : [instance as InstanceId]));
  const known = new Set<string>(await tx.work.existingAmong(instances));
  const tenants = new Set<string>();
  for (const tenant of new Set(things.flatMap((thing) => (thing.instance === undefined && thing.tenant ? [thing.tenant] : [])))) {
    if (await tx.tenants.find(tenant)) {
      tenants.add(tenant);
    }
  }
  return things.filter(({ instance, tenant = "" }) => (instance === undefined ? !tenants.has(tenant) : !known.has(instance)));
}

const OPENED = "somebody put a network policy into a tenant's namespace: what it allows holds there beside what was declared";

function isOthers({ keptFor }: FoundLeftover): boolean {
  return keptFor === LeftoverReason.NotDeclared;
}

/** It has no tenant any more: the event is the platform's. */
async function publish(
  tx: PlatformTransaction,
  event: "orphaned" | "swept",
  leftovers: readonly StoredLeftover[],
  { clock, graceSeconds }: SweepDependencies,
): Promise<void> {
  if (leftovers.length === 0) {
    return;
  }
  const shared = await tx.enter((await tx.tenants.get(SHARED_TENANT)).id);
  const time = clock().toISOString();
  for (const leftover of leftovers) {
    const name = isOthers(leftover)
      ? "tenant.network-opened"
      : (`${leftover.instance === undefined ? "tenant" : "instance"}.${event}` as const);
    await shared.publish({ id: newId("evt"), event: name, time, data: presentLeftover(leftover, graceSeconds) });
  }
}
