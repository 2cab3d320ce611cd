import { randomUUID } from "node:crypto";
import type { ResourceState } from "../contract/checkpoint.ts";
import { edgesOf } from "../contract/edges.ts";
import type { StoredResource } from "../contract/store.ts";
import { isRootUrn, makeReference, makeUrn, parseUrn } from "../contract/urn.ts";
import { mapReferences } from "./graph.ts";
import { SnapshotIntegrityError, verify, verifyReferences, verifyState, verifyUnique } from "./snapshot-integrity.ts";

export interface Row {
  readonly key: string;
  order: number;
  state: ResourceState;
}

export type Edit =
  /** In the row of `takesOver`, or in a new one (at the place of `beside`, when that one stays for a while). */
  | { readonly kind: "put"; readonly state: ResourceState; readonly takesOver?: ResourceState; readonly beside?: ResourceState }
  | { readonly kind: "remove"; readonly state: ResourceState };

/** The states of a checkpoint in their rows: what refers to what, and where each has its place. */
export class SnapshotRows {
  readonly #rows = new Map<string, Row>();
  readonly #rowOf = new Map<ResourceState, Row>();
  /** Made with the first edit: an operation that changes nothing needs no index. */
  #byUrn: Map<string, Set<Row>> | undefined;
  readonly #referrers = new Map<string, Set<Row>>();
  /** URNs that aliases renamed in this operation, old to new. */
  readonly #renamed = new Map<string, string>();
  #lastOrder = 0;
  /** Only a part of the checkpoint is known. */
  readonly #partial: boolean;

  constructor(partial: boolean) {
    this.#partial = partial;
  }

  load(stored: StoredResource): void {
    const row: Row = { ...stored };
    this.#rows.set(row.key, row);
    this.#rowOf.set(row.state, row);
    this.#lastOrder = Math.max(this.#lastOrder, row.order);
    if (this.#byUrn) {
      this.#link(row);
    }
  }

  /** `state` stands for the same row as `known` from now on; what is stored stays as it is. */
  adopt(state: ResourceState, known: ResourceState): void {
    const row = this.#rowOf.get(known);
    if (row) {
      this.#rowOf.set(state, row);
    }
  }

  verify(): void {
    verify([...this.#rows.values()].sort(byOrder));
  }

  /** @returns the rows to write, in order, and those that are gone. @throws {SnapshotIntegrityError} when the rules would be broken. */
  apply(edits: readonly Edit[]): { touched: Row[]; removed: Row[] } {
    if (!this.#byUrn) {
      this.#byUrn = new Map();
      for (const row of this.#rows.values()) {
        this.#link(row);
      }
    }
    const touched = new Set<Row>();
    const removed: Row[] = [];
    for (const edit of edits) {
      if (edit.kind === "put") {
        for (const row of this.#put(edit)) {
          touched.add(row);
        }
        continue;
      }
      const row = this.#rowOf.get(edit.state);
      if (!row) {
        continue;
      }
      this.#unlink(row);
      this.#rows.delete(row.key);
      touched.delete(row);
      removed.push(row);
    }
    for (const row of touched) {
      this.#verify(row);
    }
    for (const { state } of removed) {
      this.#verifyReferrers(state.urn);
    }
    return { touched: [...touched].sort(byOrder), removed };
  }

  /** @returns the rows that changed with it. */
  #put({ state, takesOver, beside }: Edit & { kind: "put" }): Row[] {
    const known = this.#rowOf.get(takesOver ?? state);
    const row = known ?? { key: randomUUID(), order: Number.NaN, state };
    // What depends on it comes after one that only waits for its deletion: the new one has to be there before that is gone.
    const predecessor = beside ? this.#rowOf.get(beside) : known ? undefined : this.#find(state.urn)[0];
    const formerly = known?.state.delete ? state.urn : (known ?? predecessor ?? row).state.urn;
    if (known) {
      this.#unlink(known);
    }
    // What a step holds since the operation began may refer to names that aliases changed since.
    row.state = this.#renamed.size > 0 ? this.#withNewNames(state) : state;
    this.#rows.set(row.key, row);
    this.#rowOf.set(state, row);
    this.#link(row);
    const moved = this.#place(row, known?.order ?? predecessor?.order);
    const renamed = formerly === row.state.urn ? [] : this.#rename(formerly, row.state.urn);
    return [row, ...moved, ...renamed];
  }

  /**
   * Gives a row its place after all that it depends on. A row that has a place keeps it, so that its dependents need not move: what
   * it newly depends on moves down before it instead. Returns the rows that moved.
   */
  #place(row: Row, preferred: number | undefined): Row[] {
    if (preferred === undefined) {
      row.order = ++this.#lastOrder;
      return [];
    }
    row.order = preferred;
    const later = new Set<Row>();
    let floor = Number.NEGATIVE_INFINITY;
    const open = [row];
    for (let next = open.pop(); next; next = open.pop()) {
      for (const dependency of this.#dependencies(next)) {
        if (dependency === row) {
          throw new SnapshotIntegrityError(`resource ${row.state.urn} depends on itself`);
        }
        if (dependency.order < preferred) {
          floor = Math.max(floor, dependency.order);
        } else if (!later.has(dependency)) {
          later.add(dependency);
          open.push(dependency);
        }
      }
    }
    if (later.size === 0) {
      return [];
    }
    const moved = [...later].sort(byOrder);
    const from = floor === Number.NEGATIVE_INFINITY ? preferred - moved.length - 1 : floor;
    const step = (preferred - from) / (moved.length + 1);
    for (const [index, dependency] of moved.entries()) {
      dependency.order = from + step * (index + 1);
    }
    const inOrder = moved.every((dependency, index) => dependency.order > (moved[index - 1]?.order ?? from));
    if (inOrder && (moved.at(-1)?.order ?? from) < preferred) {
      return moved;
    }
    // No numbers are left between the two: everything that is loaded gets whole numbers again.
    return this.#renumber(moved, row);
  }
  #renumber(before: readonly Row[], row: Row): Row[] {
    if (this.#partial) {
      throw new SnapshotIntegrityError(`no place is left before ${row.state.urn}; run one update without targets`);
    }
    const rest = [...this.#rows.values()].filter((other) => other !== row && !before.includes(other)).sort(byOrder);
    const at = rest.findIndex((other) => other.order >= row.order);
    const all = [...rest.slice(0, at < 0 ? rest.length : at), ...before, row, ...(at < 0 ? [] : rest.slice(at))];
    for (const [index, other] of all.entries()) {
      other.order = index + 1;
    }
    this.#lastOrder = all.length;
    return all;
  }

  /** The rows that a row refers to; of two with one URN the one that stays. */
  #dependencies(row: Row): Row[] {
    const found: Row[] = [];
    for (const edge of edgesOf(row.state)) {
      const rows = this.#find(edge.urn);
      if (edge.kind === "provider") {
        const provider = rows.find((other) => makeReference(edge.urn, other.state.id ?? "") === row.state.provider);
        if (provider) {
          found.push(provider);
        }
        continue;
      }
      const live = rows.find((other) => !other.state.delete) ?? rows[0];
      if (live) {
        found.push(live);
      }
    }
    return found;
  }

  /** States keep referring to a resource by its new name when an alias renamed it, and children carry their parent's new type. */
  #rename(from: string, to: string): Row[] {
    this.#renamed.set(from, to);
    const former = this.#find(from);
    if (former.some((row) => !row.state.delete)) {
      return [];
    }
    const touched: Row[] = [];
    // What waits for its deletion has the new name too.
    for (const row of [...former, ...(this.#referrers.get(from) ?? [])]) {
      this.#unlink(row);
      const before = row.state;
      row.state = this.#withNewNames(before);
      this.#link(row);
      touched.push(row);
      if (row.state.urn !== before.urn && !before.delete) {
        touched.push(...this.#rename(before.urn, row.state.urn));
      }
    }
    return touched;
  }
  #withNewNames(state: ResourceState): ResourceState {
    const newName = (urn: string) => this.#renamed.get(urn) ?? urn;
    const isFormer = state.delete === true && this.#renamed.has(state.urn);
    if (!isFormer && !edgesOf(state).some((edge) => this.#renamed.has(edge.urn))) {
      return state;
    }
    const renamed = mapReferences(state, newName);
    if (isFormer) {
      return { ...renamed, urn: newName(state.urn) };
    }
    if (!renamed.parent || renamed.parent === state.parent || isRootUrn(renamed.parent)) {
      return renamed;
    }
    const { stack, project, type, name } = parseUrn(state.urn);
    const urn = makeUrn(stack, project, renamed.parent, type, name);
    if (urn !== state.urn && !this.#byUrn?.has(urn)) {
      renamed.urn = urn;
    }
    return renamed;
  }

  readonly #find = (urn: string): Row[] => [...(this.#byUrn?.get(urn) ?? [])];

  #link(row: Row): void {
    if (!this.#byUrn) {
      return;
    }
    addTo(this.#byUrn, row.state.urn, row);
    for (const edge of edgesOf(row.state)) {
      addTo(this.#referrers, edge.urn, row);
    }
  }
  #unlink(row: Row): void {
    this.#byUrn?.get(row.state.urn)?.delete(row);
    for (const edge of edgesOf(row.state)) {
      this.#referrers.get(edge.urn)?.delete(row);
    }
  }

  #verify(row: Row): void {
    verifyState(row, this.#find);
    verifyUnique(row.state.urn, this.#find);
    this.#verifyReferrers(row.state.urn);
  }
  #verifyReferrers(urn: string): void {
    for (const referrer of this.#referrers.get(urn) ?? []) {
      verifyReferences(referrer, this.#find);
    }
  }
}

function byOrder(left: Row, right: Row): number {
  return left.order - right.order;
}

function addTo(map: Map<string, Set<Row>>, urn: string, row: Row): void {
  const rows = map.get(urn);
  if (rows) {
    rows.add(row);
  } else {
    map.set(urn, new Set([row]));
  }
}
