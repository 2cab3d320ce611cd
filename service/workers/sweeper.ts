import { ClawError, LeftoverReason, LOCAL_CLUSTER, stackNameOf, type TenantId } from "../../sdk/contract/index.ts";
import { type SweepDependencies, type SweptPlace, sweepLeftovers } from "../application/clusters/sweep-leftovers.ts";
import type { ClusterConnection } from "../application/ports/clusters/clusters.ts";
import type { FoundLeftover, HostedInstances, MarkedThing } from "../application/ports/clusters/leftovers.ts";
import type { Runtimes } from "../application/ports/runtimes/runtime.ts";
import type { StackAdministration } from "../application/ports/stacks/stack-operations.ts";
import { everyOf } from "../application/resources/pages.ts";
import { type ClusterPart, forEachCluster } from "./cluster-keeper.ts";
import { type Loop, startLoop } from "./loop.ts";

/** How often to look, at most. */
const IDLE_MS = 60_000;

function startSweeping(place: SweptPlace, deps: SweepDependencies): Loop {
  const turn = async () => {
    await sweepLeftovers(place, deps);
    return false;
  };
  return startLoop("sweeper", Math.min(IDLE_MS, (deps.graceSeconds * 1000) / 4), turn, deps.log);
}

/** Looks for what was left on this host of instances that nobody knows. @param host its name, for those who read of it */
export function startHostSweeper(host: string, hosted: HostedInstances, deps: SweepDependencies): Loop {
  const place: SweptPlace = {
    cluster: LOCAL_CLUSTER,
    host,
    async list() {
      const all = await hosted.list();
      return all.flatMap(({ uid, found }) => [...new Set(found)].map((kind) => ({ kind, name: uid, instance: uid })));
    },
    async judge(unknown, all, controlPlane) {
      const isOwn = await hosted.isOwnedBy(controlPlane, unknown.length < all.length || all.length === 0);
      return isOwn ? unknown : unknown.map((thing) => ({ ...thing, keptFor: LeftoverReason.OtherControlPlane }));
    },
    end: ({ name }) => hosted.end(name),
  };
  return startSweeping(place, deps);
}

export interface ClusterSweeperDependencies extends SweepDependencies {
  readonly runtimes: Runtimes;
  readonly administration: Pick<StackAdministration, "listHeld">;
}

/** Looks, in every cluster that can be reached, for objects of this control plane whose instance nobody knows. */
export function createClusterSweeper(deps: ClusterSweeperDependencies): ClusterPart {
  return forEachCluster(
    deps.runtimes,
    ({ state }) => state.reachable === true,
    (cluster, connection) => {
      const place: SweptPlace = {
        cluster: cluster.name,
        list: connection.marked,
        async judge(unknown, all) {
          const others = cluster.spec.networkPolicy.enabled ? await othersPolicies(all, connection) : [];
          return [...(await judge(unknown, connection, deps)), ...others];
        },
        end: connection.remove,
      };
      return startSweeping(place, deps);
    },
  );
}

/** What others allow in namespaces where the network policies are ours. */
async function othersPolicies(
  all: readonly MarkedThing[],
  connection: Pick<ClusterConnection, "othersPolicies">,
): Promise<FoundLeftover[]> {
  const tenants = new Map(all.flatMap(({ kind, name, tenant }) => (kind === "Namespace" ? [[name, tenant] as const] : [])));
  const found = tenants.size === 0 ? [] : await connection.othersPolicies(new Set(tenants.keys()));
  return found.map((thing) => ({ ...thing, tenant: tenants.get(thing.namespace ?? ""), keptFor: LeftoverReason.NotDeclared }));
}

/** Claims hold data, and a namespace may: nobody but people deletes those. Of the rest, stacks may know what the database does not. */
async function judge(
  unknown: readonly MarkedThing[],
  connection: Pick<ClusterConnection, "isAbandoned">,
  deps: ClusterSweeperDependencies,
): Promise<FoundLeftover[]> {
  const holdsData = ({ kind }: MarkedThing) => kind === "PersistentVolumeClaim" || kind === "Namespace";
  const data: FoundLeftover[] = [];
  for (const thing of unknown.filter(holdsData)) {
    const isFree = thing.kind === "Namespace" && (await connection.isAbandoned(thing.name).catch(() => false));
    data.push(isFree ? thing : { ...thing, keptFor: LeftoverReason.UserData });
  }
  const rest: MarkedThing[] = [];
  for (const [name, things] of Map.groupBy(
    unknown.filter((thing) => !holdsData(thing)),
    ({ tenant = "" }) => tenant,
  )) {
    rest.push(...(await withoutHeld(things, name, deps)));
  }
  return [...data, ...rest];
}

const idOf = ({ kind, namespace, name }: MarkedThing) => [kind, namespace, name].filter(Boolean).join("/");

/** Those that none of a tenant's stacks holds, of whichever cluster: one may be registered under several names. */
async function withoutHeld(things: readonly MarkedThing[], name: string, deps: ClusterSweeperDependencies) {
  const { transactions } = deps;
  const tenant = await transactions.platform((tx) => tx.tenants.find(name));
  let left = things;
  if (tenant) {
    for await (const cluster of everyOf((page) => transactions.platform((tx) => tx.clusters.list(page)))) {
      const held = await idsInStack(tenant.id, stackNameOf(tenant.name, cluster.name), deps);
      left = left.filter((thing) => !held.has(idOf(thing)));
    }
  }
  return left;
}

/** Kind and id of all that a stack holds, once what its interrupted operations did is known. */
async function idsInStack(tenantId: TenantId, stack: string, deps: ClusterSweeperDependencies): Promise<ReadonlySet<string>> {
  try {
    const held = await deps.administration.listHeld({ tenantId, stack });
    return new Set(held.map(({ type, id }) => `${type.split(":").at(-1)}/${id}`));
  } catch (error) {
    if (error instanceof ClawError && error.code === "stack.not_found") {
      return new Set();
    }
    throw error;
  }
}
