import type { ResourceState } from "../contract/checkpoint.ts";
import { type Edge, edgesOf } from "../contract/edges.ts";
import { makeReference } from "../contract/urn.ts";

/** The checkpoint breaks one of Pulumi's rules; the texts are Pulumi's. */
export class SnapshotIntegrityError extends Error {
  constructor(problem: string) {
    super(problem);
    this.name = "SnapshotIntegrityError";
  }
}

/** A state and its place in the checkpoint. */
interface Placed {
  readonly order: number;
  readonly state: ResourceState;
}

/** Pulumi's rules for a whole checkpoint. @throws {SnapshotIntegrityError} */
export function verify(states: readonly Placed[]): void {
  const byUrn = Map.groupBy(states, ({ state }) => state.urn);
  const find = (urn: string) => byUrn.get(urn) ?? [];
  for (const [index, placed] of states.entries()) {
    if (!placed.state.urn) {
      throw new SnapshotIntegrityError(`resource at index ${index} missing required 'urn' field`);
    }
    verifyState(placed, find);
  }
  for (const urn of byUrn.keys()) {
    verifyUnique(urn, find);
  }
}

/** The rules for one state, and that everything it refers to comes before it. @throws {SnapshotIntegrityError} */
export function verifyState(placed: Placed, find: (urn: string) => readonly Placed[]): void {
  const { urn, type, custom, id } = placed.state;
  if (!type) {
    throw new SnapshotIntegrityError(`resource '${urn}' missing required 'type' field`);
  }
  if (!custom && id) {
    throw new SnapshotIntegrityError(`resource '${urn}' has 'custom false but non-empty ID`);
  }
  verifyReferences(placed, find);
}

export function verifyReferences({ order, state }: Placed, find: (urn: string) => readonly Placed[]): void {
  const edges = edgesOf(state);
  const provider = edges.at(-1)?.kind === "provider" ? edges.splice(-1) : [];
  // Of several problems Pulumi tells that of the provider.
  for (const edge of [...provider, ...edges]) {
    const isProvider = (other: Placed) => makeReference(edge.urn, other.state.id ?? "") === state.provider;
    const candidates = edge.kind === "provider" ? find(edge.urn).filter(isProvider) : find(edge.urn);
    if (candidates.some((other) => other.order < order)) {
      continue;
    }
    if (edge.kind === "provider" && state.pendingReplacement) {
      continue;
    }
    throw new SnapshotIntegrityError(problemOf(state, edge, candidates.length > 0));
  }
}

/** All states of a URN but one wait for their deletion. @throws {SnapshotIntegrityError} */
export function verifyUnique(urn: string, find: (urn: string) => readonly Placed[]): void {
  if (find(urn).filter(({ state }) => !state.delete).length <= 1) {
    return;
  }
  throw new SnapshotIntegrityError(`duplicate resource ${urn} (not marked for deletion)`);
}

function problemOf({ urn, provider }: ResourceState, { kind, urn: needed, property }: Edge, comesLater: boolean): string {
  switch (kind) {
    case "provider":
      return `resource ${urn} refers to unknown provider ${provider}`;
    case "parent":
      return comesLater
        ? `child resource ${urn}'s parent ${needed} comes after it`
        : `child resource ${urn} refers to missing parent ${needed}`;
    case "dependency":
      return `resource ${urn}'s dependency ${needed} ${comesLater ? "comes after it" : "refers to missing resource"}`;
    case "propertyDependency":
      return `resource ${urn}'s property dependency ${needed} (from property ${property}) ${comesLater ? "comes after it" : "refers to missing resource"}`;
    case "deletedWith":
      return `resource ${urn} is specified as being deleted with ${needed}, which ${comesLater ? "comes after it" : "is missing"}`;
    case "replaceWith":
      return `resource ${urn} is specified as being replaced with ${needed}, which ${comesLater ? "comes after it" : "is missing"}`;
  }
}
