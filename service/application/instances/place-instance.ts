import { ClawError, type InstanceSpec, type Placement, parseQuantity } from "../../../sdk/contract/index.ts";
import type { ClusterState } from "../../domain/clusters/cluster.ts";
import { type Candidate, mayStay, place, undisputedPlace } from "../../domain/clusters/placement.ts";
import { digestOf } from "../../domain/digest.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import { rulesAt } from "../../domain/runtimes/runtimes.ts";
import type { KnownClawType } from "../ports/instances/claw-adapter.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import { everyOf } from "../resources/pages.ts";

/** Where an instance is to run, and why when that was just decided. */
export interface Placed {
  readonly cluster: string;
  readonly movedFrom: string | undefined;
  readonly reason: string | undefined;
  /** What to say of its cluster, when that can't be reached. */
  readonly unreachable?: ClusterState | undefined;
}

/**
 * Decides where an instance runs, in the transaction of the write. It stays where it is until its own placement changes and rules that
 * out. @throws {ClawError} `placement.unsatisfied` with why each cluster can't take it, `placement.holds_data`
 */
export async function placeInstance(
  tx: PlatformTransaction,
  wanted: {
    readonly name: string;
    readonly spec: InstanceSpec;
    readonly adapter: KnownClawType | undefined;
    readonly tenantPlacement: Placement | undefined;
  },
  before: Instance | undefined,
): Promise<Placed> {
  const { name, spec, adapter } = wanted;
  if (!before) {
    return { ...(await choose(tx, { name, spec, adapter }, spec.placement ?? wanted.tenantPlacement)), movedFrom: undefined };
  }
  const stay = { cluster: before.cluster, movedFrom: before.movedFrom, reason: undefined };
  if (digestOf(spec.placement) === digestOf(before.spec.placement)) {
    return stay;
  }
  const current = await tx.clusters.find(before.cluster);
  return mayStay(spec.placement, before.cluster, current?.labels) ? stay : moveInstance(tx, { ...before, spec }, adapter, spec.placement);
}

/** Where an instance that must leave its cluster goes. @throws {ClawError} `placement.unsatisfied`, `placement.holds_data` */
export async function moveInstance(
  tx: PlatformTransaction,
  instance: Instance,
  adapter: KnownClawType | undefined,
  placement: Placement | undefined,
): Promise<Placed> {
  const { cluster, reason } = await choose(tx, { ...instance, adapter }, placement);
  const movedFrom = await leaving(tx, instance, cluster);
  if (movedFrom !== undefined && holdsData(instance)) {
    throw new ClawError(
      "placement.holds_data",
      `instance '${instance.name}' has data on '${movedFrom}' that can't be moved to '${cluster}'; ` +
        "leave it where it is, or give up its data first with deletionPolicy: delete",
    );
  }
  return { cluster, movedFrom, reason };
}

/**
 * The cluster that may have resources of an instance that goes to another: an operation that nobody has heard of yet may be under way there, or have
 * died. Only where none was tried and none can be, there is nothing.
 */
export async function leaving(
  tx: PlatformTransaction,
  { cluster, movedFrom, status }: Instance,
  next: string,
): Promise<string | undefined> {
  const isTried = movedFrom !== undefined || status.observedGeneration > 0 || status.attempts > 0;
  const isThere = isTried || rulesAt(cluster).canBeReached((await tx.clusters.find(cluster))?.state);
  const former = isThere ? (movedFrom ?? cluster) : undefined;
  return former === next ? undefined : former;
}

/** Whether an instance has been set up with data that is to be kept. */
function holdsData({ spec, status }: Instance): boolean {
  return spec.deletionPolicy === "retain" && status.observedGeneration > 0;
}

async function choose(
  tx: PlatformTransaction,
  { name, spec, adapter }: { readonly name: string; readonly spec: InstanceSpec; readonly adapter: KnownClawType | undefined },
  placement: Placement | undefined,
) {
  const demand = {
    type: spec.type,
    bringsImage: adapter?.image !== undefined,
    cpu: parseQuantity(spec.resources.cpu) * spec.replicas,
    memoryBytes: parseQuantity(spec.resources.memory) * spec.replicas,
  };
  const candidates = undisputedPlace(placement) === undefined ? await lockedCandidates(tx, placement?.cluster) : [];
  const decision = place(placement, demand, candidates);
  if (decision.cluster !== undefined) {
    const state = candidates.find(({ cluster }) => cluster.name === decision.cluster)?.cluster.state;
    return { ...decision, unreachable: state?.reachable === false ? state : undefined };
  }
  const issues = decision.refusals.map(({ cluster, reason }) => ({ path: `clusters.${cluster}`, message: reason }));
  const why =
    issues.length > 0 ? decision.refusals.map(({ cluster, reason }) => `'${cluster}': ${reason}`).join("; ") : "no cluster is registered";
  throw new ClawError("placement.unsatisfied", `no cluster can take instance '${name}': ${why}`, { issues });
}

/** Under their locks, so that two writers can't both take the last place. */
async function lockedCandidates(tx: PlatformTransaction, named: string | undefined): Promise<Candidate[]> {
  const locked = new Set(await tx.clusters.lock(named === undefined ? undefined : [named]));
  const allocated = await tx.clusters.allocated();
  const none = { instances: 0, cpu: 0, memoryBytes: 0 };
  const candidates: Candidate[] = [];
  for await (const { name, labels, spec, state } of everyOf((page) => tx.clusters.list(page))) {
    if (locked.has(name)) {
      // Without its credentials, which are most of it.
      const { credentials: _, ...rest } = spec;
      candidates.push({ cluster: { name, labels, spec: rest, state }, allocated: allocated.get(name) ?? none });
    }
  }
  return candidates;
}
