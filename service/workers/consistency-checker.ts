import type { Logger } from "pino";
import { digestOfHanding, type InstanceId, type TenantId } from "../../sdk/contract/index.ts";
import { adoptAltered } from "../application/consistency/adopt-altered.ts";
import { checkInstances } from "../application/consistency/check-instances.ts";
import type { ApplicationDependencies } from "../application/dependencies.ts";
import type { Deliveries } from "../application/instances/deliveries.ts";
import { batchesOf } from "../domain/batches.ts";
import { isSettled } from "../domain/instances/phase.ts";
import { type Loop, startLoop } from "./loop.ts";

const IDLE_MS = 1_000;
/** Instances of a tenant that are asked at a time. */
const BATCH = 50;
/** What came to nothing is tried again after so long. */
const AGAIN_MS = 5_000;

export interface ConsistencyCheckerDependencies extends ApplicationDependencies {
  readonly deliveries: Deliveries;
  readonly log: Logger;
}

/**
 * Looks into claws whose agents this replica holds and say that somebody changed their files, and does what is wanted about it: has the files written once
 * more, or takes them into the specification. Level-triggered: the rows say what was found of which files, and what is wanted.
 */
export function startConsistencyChecker(deps: ConsistencyCheckerDependencies): Loop {
  const { deliveries, transactions, log } = deps;
  const looked = new Map<InstanceId, { readonly state: string; readonly atMs: number }>();
  const check = async (tenantId: TenantId, names: readonly string[]) => {
    const tenant = await transactions.platform((tx) => tx.tenants.get(tenantId));
    for (const { id, findings, handing } of await checkInstances(tenantId, names, deps)) {
      const instance = await transactions.tenant(tenantId, (tx) => tx.instances.find(id));
      // What was written meanwhile is newer than what would be handed.
      const isSame = instance && isSettled(instance) && instance.status.delivery?.handed === digestOfHanding(handing);
      if (isSame && instance.status.consistency?.revert && findings.files.length > 0) {
        deliveries.offer(id, handing, true);
      }
      if (isSame && instance.spec.drift === "adopt") {
        await adoptAltered(tenant, id, deps);
      }
    }
  };
  return startLoop(
    "consistency checker",
    IDLE_MS,
    async () => {
      const held = deliveries.held();
      const due = held.length === 0 ? [] : await transactions.platform((tx) => tx.work.listToCheck(held));
      const nowMs = performance.now();
      const fresh = due.filter(({ id, state }) => {
        const before = looked.get(id);
        return before?.state !== state || nowMs - before.atMs > AGAIN_MS;
      });
      const known = new Set(due.map(({ id }) => id));
      for (const id of [...looked.keys()].filter((each) => !known.has(each))) {
        looked.delete(id);
      }
      for (const { id, state } of fresh) {
        looked.set(id, { state, atMs: nowMs });
      }
      for (const [tenantId, instances] of Map.groupBy(fresh, (item) => item.tenantId)) {
        for (const batch of batchesOf(instances, BATCH)) {
          const names = batch.map(({ name }) => name);
          await check(tenantId, names).catch((err: unknown) => {
            log.warn({ err, tenantId }, "what claws are configured with could not be looked at; it is tried again");
          });
        }
      }
      return false;
    },
    log,
  );
}
