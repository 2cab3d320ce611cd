import type { Logger } from "pino";
import type { InstanceId, TenantId } from "../../sdk/contract/index.ts";
import { considerDeliveries, type DeliverDependencies } from "../application/instances/deliver.ts";
import type { Deliveries } from "../application/instances/deliveries.ts";
import { batchesOf } from "../domain/batches.ts";
import type { Tallies } from "../domain/tallies.ts";
import { type Loop, startLoop } from "./loop.ts";

const IDLE_MS = 1_000;
/** Instances of a tenant that are worked out at a time, before the first of them report and others have to wait for that. */
const BATCH = 100;

export interface DelivererDependencies extends DeliverDependencies {
  readonly deliveries: Deliveries;
  readonly tallies: Pick<Tallies, "count">;
  /** Wakes the reconciler: something is its own to do. */
  readonly wake: () => void;
  /** Calls back whenever desired state has changed, here or elsewhere. */
  readonly onWake: (listener: () => void) => void;
  readonly log: Logger;
}

/**
 * Delivers what is wanted of instances to the agents that this replica holds, beside the engine: tells each what it is to have. Level-triggered:
 * what an agent has stored is compared with what it is to have, so what was lost on the way is told again.
 */
export function startDeliverer(deps: DelivererDependencies): Loop {
  const { deliveries, transactions } = deps;
  const loop = startLoop(
    "deliverer",
    IDLE_MS,
    async () => {
      deliveries.expire();
      const held = deliveries.held();
      if (held.length === 0) {
        return false;
      }
      const found = await transactions.platform((tx) => tx.work.listToDeliver(held, deliveries.asking()));
      const fresh = found.filter(({ id, state }) => deliveries.isNew(id, state));
      for (const { id, handed } of fresh.filter(({ isDue }) => !isDue)) {
        deliveries.confirm(id, handed);
      }
      const due = fresh.filter(({ isDue }) => isDue);
      for (const { id, state } of due) {
        deliveries.looked(id, state);
      }
      for (const [tenantId, instances] of Map.groupBy(due, (item) => item.tenantId)) {
        for (const batch of batchesOf(instances, BATCH)) {
          await deliver(tenantId, batch);
        }
      }
      return false;
    },
    deps.log,
  );
  const deliver = async (tenantId: TenantId, instances: readonly { readonly id: InstanceId; readonly name: string }[]) => {
    const names = instances.map(({ name }) => name);
    const considered = await considerDeliveries(tenantId, names, deps).catch((err: unknown) => {
      deps.log.warn({ err, tenantId }, "what agents are to have could not be worked out; it is tried again");
      return [];
    });
    for (const { id, way, handing } of considered) {
      deps.tallies.count("claw_config_deliveries_total", { way });
      if (handing && way !== "engine") {
        deliveries.offer(id, handing);
      }
    }
    if (considered.some(({ way }) => way !== "delivery")) {
      deps.wake();
    }
  };
  deps.onWake(loop.wake);
  deliveries.onAsked(loop.wake);
  return loop;
}
