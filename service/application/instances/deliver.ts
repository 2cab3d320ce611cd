import {
  digestOfHanding,
  type Handing,
  type InstanceId,
  type ResolvedInstance,
  type StackTarget,
  type TenantId,
} from "../../../sdk/contract/index.ts";
import { frameOf, type Wanted, wayOf } from "../../domain/instances/delivery.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import { afterConsidered, afterUnresolved, isSettled } from "../../domain/instances/phase.ts";
import { rulesAt } from "../../domain/runtimes/runtimes.ts";
import type { Runtimes } from "../ports/runtimes/runtime.ts";
import type { Transactions } from "../ports/transactions.ts";
import { recordStates } from "./report-status.ts";
import { type ResolveDependencies, resolveInstances } from "./resolve-instance.ts";

export interface DeliverDependencies extends ResolveDependencies {
  readonly transactions: Transactions;
  readonly runtimes: Runtimes;
  readonly clock: () => Date;
}

/** What an instance is to have, and what its agent is to be handed for it. */
export interface WantedHanding {
  readonly wanted: Wanted;
  readonly handing: Handing;
}

export function wantedOf(
  { cluster, generation }: Instance,
  resolved: ResolvedInstance,
  place: { readonly tenant: string; readonly target: StackTarget; readonly runtimes: Runtimes },
): WantedHanding {
  const handing = place.runtimes.at(cluster).handing(place.target, place.tenant, resolved);
  return {
    wanted: { frame: frameOf(cluster, resolved, rulesAt(cluster).delivers), handed: digestOfHanding(handing), generation },
    handing,
  };
}

/** What was found out of an instance. */
export interface Considered {
  readonly id: InstanceId;
  readonly way: ReturnType<typeof wayOf>;
  /** Absent where it can't be worked out. */
  readonly handing?: Handing;
}

/** Works out what instances are to have, and writes down which of them the engine is to leave to a delivery. Those that change meanwhile are left out. */
export async function considerDeliveries(
  tenantId: TenantId,
  names: readonly string[],
  deps: DeliverDependencies,
): Promise<readonly Considered[]> {
  const now = deps.clock().toISOString();
  return deps.transactions.platform(async (tx) => {
    const scope = await tx.enter(tenantId);
    const tenant = await tx.tenants.get(tenantId);
    const instances = (await scope.instances.findAll(names)).filter(isHere);
    const targets = new Map<string, StackTarget>();
    for (const cluster of new Set(instances.map((instance) => instance.cluster))) {
      targets.set(cluster, await deps.runtimes.at(cluster).target(tx, tenant, cluster));
    }
    const resolutions = await resolveInstances(tx, await tx.enter(tenantId), tenant.name, instances, deps);
    const found = new Map(
      resolutions.map(({ instance, resolved }) => {
        const target = targets.get(instance.cluster);
        const wanted = resolved && target && wantedOf(instance, resolved, { tenant: tenant.name, target, runtimes: deps.runtimes });
        return [instance.id, { instance, wanted }];
      }),
    );
    const considered: Considered[] = [];
    await recordStates(
      await tx.enter(tenantId),
      [...found.keys()],
      (current) => {
        const { instance, wanted } = found.get(current.id) ?? {};
        const isSame = instance?.generation === current.generation && instance.status.delivery?.frame === current.status.delivery?.frame;
        if (!isSame) {
          return current.status;
        }
        const way = wanted ? wayOf(wanted.wanted, current.status) : "engine";
        considered.push({ id: current.id, way, ...(wanted && { handing: wanted.handing }) });
        if (way === "engine" && isSettled(current)) {
          // Nobody asked for anything: what the service would make of it by now is left until somebody does.
          return current.status;
        }
        return wanted ? afterConsidered(current, wanted.wanted, now) : afterUnresolved(current);
      },
      now,
    );
    return considered;
  });
}

function isHere({ deletedAt, movedFrom, spec }: Instance): boolean {
  return deletedAt === undefined && movedFrom === undefined && spec.running;
}
