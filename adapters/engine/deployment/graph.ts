import type { ResourceState } from "../contract/checkpoint.ts";
import { type Edge, edgesOf } from "../contract/edges.ts";
import { makeReference, parseReference } from "../contract/urn.ts";

/** The state with other URNs in the place of those that it refers to; what maps to nothing is left out. */
export function mapReferences(state: ResourceState, map: (urn: string, kind: Edge["kind"]) => string | undefined): ResourceState {
  const all = (urns: readonly string[], kind: Edge["kind"]) => urns.flatMap((urn) => map(urn, kind) ?? []);
  const { parent, dependencies, propertyDependencies, deletedWith, replaceWith, provider, ...mapped } = state;
  const newParent = parent && map(parent, "parent");
  const newDeletedWith = deletedWith && map(deletedWith, "deletedWith");
  const newProvider = provider && mapReference(provider, (urn) => map(urn, "provider"));
  return {
    ...mapped,
    ...(newParent && { parent: newParent }),
    ...(dependencies && { dependencies: all(dependencies, "dependency") }),
    ...(propertyDependencies && {
      propertyDependencies: Object.fromEntries(
        Object.entries(propertyDependencies).map(([property, urns]) => [property, all(urns, "propertyDependency")]),
      ),
    }),
    ...(newDeletedWith && { deletedWith: newDeletedWith }),
    ...(replaceWith && { replaceWith: all(replaceWith, "replaceWith") }),
    ...(newProvider && { provider: newProvider }),
  };
}
function mapReference(reference: string, map: (urn: string) => string | undefined): string | undefined {
  const { urn, id } = parseReference(reference);
  const mapped = map(urn);
  return mapped && makeReference(mapped, id);
}

/**
 * The states after `roots` in the list that depend on any of them, directly or not, or are their children, in order. The list is a
 * topological order, so one scan finds them all.
 */
export function dependentsOf(list: readonly ResourceState[], roots: readonly ResourceState[]): ResourceState[] {
  const dependents: ResourceState[] = [];
  const waiting = new Set(roots);
  const reached = new Set<string>();
  for (const candidate of list) {
    if (waiting.has(candidate)) {
      reached.add(candidate.urn);
    }
    if (reached.size === 0 || waiting.has(candidate)) {
      continue;
    }
    if (edgesOf(candidate).some((edge) => reached.has(edge.urn))) {
      dependents.push(candidate);
      reached.add(candidate.urn);
    }
  }
  return dependents;
}

/** Which states depend on which: made once, where it is asked of one state after the other. Being a child is no dependency here. */
export class DependencyIndex {
  readonly #orders = new Map<ResourceState, number>();
  readonly #referrers = new Map<string, ResourceState[]>();

  /** @param order of the state in a topological order */
  add(state: ResourceState, order: number): void {
    this.#orders.set(state, order);
    const needed = edgesOf(state).flatMap(({ kind, urn }) => (kind === "parent" ? [] : urn));
    for (const urn of new Set(needed)) {
      const referrers = this.#referrers.get(urn);
      if (referrers) {
        referrers.push(state);
      } else {
        this.#referrers.set(urn, [state]);
      }
    }
  }

  has(state: ResourceState): boolean {
    return this.#orders.has(state);
  }

  /** The states after `root` that depend on it, directly or by others that aren't ignored, in order. */
  dependentsOf(root: ResourceState, ignore: (urn: string) => boolean): ResourceState[] {
    const orderOf = (state: ResourceState) => this.#orders.get(state) ?? Number.POSITIVE_INFINITY;
    const found = new Set<ResourceState>();
    const open = [root];
    for (let state = open.pop(); state; state = open.pop()) {
      // What comes before refers to another state of that URN.
      for (const referrer of this.#referrers.get(state.urn) ?? []) {
        if (orderOf(referrer) > orderOf(state) && referrer !== root && !found.has(referrer) && !ignore(referrer.urn)) {
          found.add(referrer);
          open.push(referrer);
        }
      }
    }
    return [...found].sort((left, right) => orderOf(left) - orderOf(right));
  }
}

/** Everything that the given states need, transitively, themselves included. */
export function dependencyClosure(roots: Iterable<ResourceState>, find: (urn: string) => readonly ResourceState[]): Set<ResourceState> {
  const closure = new Set<ResourceState>();
  const open = [...roots];
  for (let state = open.pop(); state; state = open.pop()) {
    if (closure.has(state)) {
      continue;
    }
    closure.add(state);
    for (const edge of edgesOf(state)) {
      open.push(...find(edge.urn));
    }
  }
  return closure;
}

/**
 * Groups of states that can be deleted at the same time, in the order in which the groups may go: dependents first. A state that
 * depends on a component depends on the component's earlier children too.
 */
export function deletionAntichains(list: readonly ResourceState[], condemned: ReadonlySet<ResourceState>): ResourceState[][] {
  const levels: ResourceState[][] = [];
  const levelOf = new Map<string, number>();
  const levelBelow = new Map<string, number>();
  const parentOf = new Map<string, string | undefined>();
  const components = new Set<string>();
  const raise = (map: Map<string, number>, urn: string, level: number) => {
    map.set(urn, Math.max(map.get(urn) ?? -1, level));
  };
  for (const state of list) {
    parentOf.set(state.urn, state.parent);
    if (!state.custom) {
      components.add(state.urn);
    }
    if (!condemned.has(state)) {
      continue;
    }
    let level = 0;
    for (const { kind, urn } of edgesOf(state)) {
      level = Math.max(level, (levelOf.get(urn) ?? -1) + 1);
      if (kind !== "parent" && components.has(urn)) {
        level = Math.max(level, (levelBelow.get(urn) ?? -1) + 1);
      }
    }
    const antichain = levels[level];
    if (antichain) {
      antichain.push(state);
    } else {
      levels[level] = [state];
    }
    raise(levelOf, state.urn, level);
    for (let ancestor = state.parent; ancestor; ancestor = parentOf.get(ancestor)) {
      raise(levelBelow, ancestor, level);
    }
  }
  return levels.reverse();
}
