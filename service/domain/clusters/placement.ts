import { DEFAULT_PLACEMENT, type Placement } from "../../../sdk/contract/index.ts";
import { rulesAt } from "../runtimes/runtimes.ts";
import { type Cluster, capacityOf, type Load } from "./cluster.ts";

/** What an instance asks for. CPU in cores, memory in bytes. */
export interface Demand {
  /** Its claw type. */
  readonly type: string;
  /** Whether that says itself what it runs from, on a cluster that has no image for it. */
  readonly bringsImage: boolean;
  readonly cpu: number;
  readonly memoryBytes: number;
}

/** A cluster with what is placed on it already. */
export interface Candidate {
  readonly cluster: Pick<Cluster, "name" | "labels" | "state"> & { readonly spec: Omit<Cluster["spec"], "credentials"> };
  readonly allocated: Load;
}

export type PlacementDecision =
  | { readonly cluster: string; readonly reason: string }
  /** Why each cluster can't take it. */
  | { readonly cluster: undefined; readonly refusals: readonly { readonly cluster: string; readonly reason: string }[] };

/** The cluster that a placement comes to without a choice: the one that it names, when that takes all that comes. */
export function undisputedPlace({ cluster }: Placement = DEFAULT_PLACEMENT): string | undefined {
  return cluster !== undefined && rulesAt(cluster).takesAll ? cluster : undefined;
}

/**
 * Where an instance is to run. A cluster that is named is taken when it has room and is not cordoned, reachable or not: it may come back.
 * A selector takes, of the clusters that match, are reachable and have room, the one that stays emptiest; names break ties.
 */
export function place(wanted: Placement | undefined, demand: Demand, candidates: readonly Candidate[]): PlacementDecision {
  const placement = wanted ?? DEFAULT_PLACEMENT;
  const undisputed = undisputedPlace(placement);
  if (undisputed !== undefined) {
    return { cluster: undisputed, reason: wanted ? "asked for" : "no cluster was asked for" };
  }
  if (placement.cluster !== undefined) {
    const named = candidates.find(({ cluster }) => cluster.name === placement.cluster);
    const refusal = named ? closedFor(named, demand) : "there is no such cluster";
    return refusal === undefined
      ? { cluster: placement.cluster, reason: "asked for by name" }
      : { cluster: undefined, refusals: [{ cluster: placement.cluster, reason: refusal }] };
  }
  const judged = candidates.map((candidate) => ({ candidate, refusal: refusalOf(candidate, placement, demand) }));
  const fitting = judged.filter(({ refusal }) => refusal === undefined).map(({ candidate }) => candidate);
  const [best] = fitting.sort((a, b) => loadAfter(a, demand) - loadAfter(b, demand) || (a.cluster.name < b.cluster.name ? -1 : 1));
  if (!best) {
    return {
      cluster: undefined,
      refusals: judged.map(({ candidate, refusal }) => ({ cluster: candidate.cluster.name, reason: refusal ?? "" })),
    };
  }
  const others = fitting.length - 1;
  const reason = others > 0 ? `emptiest of ${fitting.length} clusters that match` : "the only cluster that matches and has room";
  return { cluster: best.cluster.name, reason };
}

/** Whether an instance that is on a cluster may stay there: its placement does not rule the cluster out. Room and reach do not matter. */
export function mayStay(placement: Placement | undefined, current: string, labels: Readonly<Record<string, string>> | undefined): boolean {
  if (placement === undefined) {
    return true;
  }
  return placement.cluster === undefined ? labels !== undefined && matches(placement.selector, labels) : placement.cluster === current;
}

function refusalOf(candidate: Candidate, placement: Placement, demand: Demand): string | undefined {
  const { name, labels, spec, state } = candidate.cluster;
  if (!matches(placement.selector, labels)) {
    return `its labels don't match ${showLabels(placement.selector ?? {})}`;
  }
  const taint = spec.taints.find(
    ({ key, value }) => !placement.tolerations.some((item) => item.key === key && (item.value === undefined || item.value === value)),
  );
  if (taint) {
    return `it has the taint ${taint.key}=${taint.value}, which the placement does not tolerate`;
  }
  if (state.reachable === false) {
    return `it is not reachable: claw clusters get ${name}`;
  }
  return closedFor(candidate, demand);
}

function closedFor(candidate: Candidate, demand: Demand): string | undefined {
  const { name, spec } = candidate.cluster;
  if (spec.unschedulable) {
    return "it takes no new instances (spec.unschedulable)";
  }
  if (spec.images.claws[demand.type] === undefined && !demand.bringsImage) {
    return `it has no image for claws of type '${demand.type}': set spec.images.claws.${demand.type} of cluster '${name}'`;
  }
  return full(candidate, demand);
}

function full({ cluster, allocated }: Candidate, demand: Demand): string | undefined {
  const capacity = capacityOf(cluster);
  const GIBIBYTE = 2 ** 30;
  const bounds = [
    { what: "instances", hard: capacity.instances, used: allocated.instances, more: 1, unit: 1 },
    { what: "cores", hard: capacity.cpu, used: allocated.cpu, more: demand.cpu, unit: 1 },
    { what: "GiB of memory", hard: capacity.memoryBytes, used: allocated.memoryBytes, more: demand.memoryBytes, unit: GIBIBYTE },
  ];
  const short = bounds.find(({ hard, used, more }) => hard !== undefined && used + more > hard + 1e-9);
  const show = (amount: number) => String(Number((amount / (short?.unit ?? 1)).toFixed(2)));
  return short && `${show(short.used)} of ${show(short.hard ?? 0)} ${short.what} are taken, ${show(short.more)} more don't fit`;
}

/** The fullest share after the instance came; clusters without bounds are the emptiest there are. */
function loadAfter({ cluster, allocated }: Candidate, demand: Demand): number {
  const capacity = capacityOf(cluster);
  const share = (used: number, hard: number | undefined) => (hard === undefined ? 0 : used / Math.max(hard, Number.MIN_VALUE));
  return Math.max(
    share(allocated.instances + 1, capacity.instances),
    share(allocated.cpu + demand.cpu, capacity.cpu),
    share(allocated.memoryBytes + demand.memoryBytes, capacity.memoryBytes),
  );
}

function matches(selector: Readonly<Record<string, string>> | undefined, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(selector ?? {}).every(([key, value]) => labels[key] === value);
}

function showLabels(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}
