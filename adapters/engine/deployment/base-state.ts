import type { ResourceState } from "../contract/checkpoint.ts";
import type { StackRef, StackStore, StoredResource } from "../contract/store.ts";
import type { SecretsManager } from "../operation.ts";
import { DependencyIndex } from "./graph.ts";
import { decryptState } from "./properties.ts";

interface Entry {
  readonly order: number;
  readonly state: ResourceState;
}

/**
 * The states as they were before the operation. Whole, or (`partial`, a targeted operation) only what was asked for so far
 * together with its dependencies; the rest of the stack is then neither read nor written.
 */
export class BaseState {
  readonly partial: boolean;
  readonly #store: StackStore;
  readonly #ref: StackRef;
  readonly #secrets: SecretsManager;
  readonly #onLoad: (row: StoredResource) => void;
  readonly #keys = new Set<string>();
  readonly #live = new Map<string, ResourceState>();
  readonly #all = new Map<string, ResourceState[]>();
  readonly #followers = new Map<string, Entry[]>();
  readonly #askedFor = new Set<string>();
  readonly #askedForDependents = new Set<string>();
  #entries: Entry[] = [];
  #list: ResourceState[] | undefined;
  /** Made when it is first asked for: most operations replace nothing. */
  #dependencies: DependencyIndex | undefined;
  #waiting: { urns: Set<string>; loaded: Promise<void> } | undefined;

  private constructor(store: StackStore, ref: StackRef, secrets: SecretsManager, partial: boolean, onLoad: (row: StoredResource) => void) {
    this.#store = store;
    this.#ref = ref;
    this.#secrets = secrets;
    this.partial = partial;
    this.#onLoad = onLoad;
  }

  /** Loads the stack, or only the closure of `urns` when they are given. `onLoad` sees every row, decrypted. */
  static async load(
    store: StackStore,
    ref: StackRef,
    secrets: SecretsManager,
    urns: readonly string[] | undefined,
    onLoad: (row: StoredResource) => void,
  ): Promise<BaseState> {
    const base = new BaseState(store, ref, secrets, urns !== undefined, onLoad);
    const { resources } = await store.loadResources(ref, urns);
    base.#add(resources);
    for (const urn of urns ?? []) {
      base.#askedFor.add(urn);
    }
    return base;
  }

  /** The state of that URN that is not waiting for its deletion. */
  find(urn: string): ResourceState | undefined {
    return this.#live.get(urn);
  }
  /** All states of that URN, those that wait for their deletion too. */
  findAll(urn: string): readonly ResourceState[] {
    return this.#all.get(urn) ?? [];
  }
  /** In order: dependencies first. */
  list(): readonly ResourceState[] {
    if (!this.#list) {
      this.#entries.sort((left, right) => left.order - right.order);
      this.#list = this.#entries.map((entry) => entry.state);
    }
    return this.#list;
  }

  has(state: ResourceState): boolean {
    return this.#dependencyIndex().has(state);
  }

  /** In order: those that depend on `root`, directly or by others that aren't ignored. */
  dependentsOf(root: ResourceState, ignore: (urn: string) => boolean): readonly ResourceState[] {
    return this.#dependencyIndex().dependentsOf(root, ignore);
  }

  #dependencyIndex(): DependencyIndex {
    if (!this.#dependencies) {
      this.#dependencies = new DependencyIndex();
      for (const { state, order } of this.#entries) {
        this.#dependencies.add(state, order);
      }
    }
    return this.#dependencies;
  }

  /** In order: those that asked to be replaced or deleted together with `urn`. */
  followersOf(urn: string): readonly ResourceState[] {
    return [...(this.#followers.get(urn) ?? [])].sort((left, right) => left.order - right.order).map((entry) => entry.state);
  }

  /** Makes sure that the states of these URNs are loaded. Requests of the same tick share one query. */
  async ensure(urns: readonly string[]): Promise<void> {
    if (!this.partial) {
      return;
    }
    const missing = urns.filter((urn) => !this.#askedFor.has(urn) && !this.#all.has(urn));
    if (missing.length > 0) {
      this.#waiting ??= this.#collect();
      for (const urn of missing) {
        this.#waiting.urns.add(urn);
      }
    }
    await this.#waiting?.loaded;
  }
  #collect(): { urns: Set<string>; loaded: Promise<void> } {
    const urns = new Set<string>();
    const loaded = new Promise<void>((resolve, reject) => {
      setImmediate(() => {
        this.#waiting = undefined;
        this.#store.loadResources(this.#ref, [...urns]).then(({ resources }) => {
          this.#add(resources);
          for (const urn of urns) {
            this.#askedFor.add(urn);
          }
          resolve();
        }, reject);
      });
    });
    return { urns, loaded };
  }

  /** Makes sure that everything which depends on these URNs, transitively, is loaded with what it needs itself. */
  async ensureDependents(urns: Iterable<string>): Promise<void> {
    if (!this.partial) {
      return;
    }
    let frontier = [...urns].filter((urn) => !this.#askedForDependents.has(urn));
    while (frontier.length > 0) {
      for (const urn of frontier) {
        this.#askedForDependents.add(urn);
      }
      const dependents = [...new Set((await this.#store.findDependents(this.#ref, frontier)).map((row) => row.state.urn))];
      const missing = dependents.filter((urn) => !this.#askedFor.has(urn) && !this.#all.has(urn));
      if (missing.length > 0) {
        this.#add((await this.#store.loadResources(this.#ref, missing)).resources);
        for (const urn of missing) {
          this.#askedFor.add(urn);
        }
      }
      frontier = dependents.filter((urn) => !this.#askedForDependents.has(urn));
    }
  }

  /** After a refresh: states that were read anew, or are gone. Keeps the order. */
  rebuild(change: (state: ResourceState) => ResourceState | undefined): void {
    const entries: Entry[] = [];
    for (const entry of [...this.#entries].sort((left, right) => left.order - right.order)) {
      const state = change(entry.state);
      if (state) {
        entries.push({ order: entry.order, state });
      }
    }
    this.#entries = entries;
    this.#list = undefined;
    this.#dependencies = undefined;
    this.#live.clear();
    this.#all.clear();
    this.#followers.clear();
    for (const entry of entries) {
      this.#index(entry);
    }
  }

  #add(rows: readonly StoredResource[]): void {
    for (const row of rows) {
      if (this.#keys.has(row.key)) {
        continue;
      }
      this.#keys.add(row.key);
      const state = decryptState(row.state, this.#secrets);
      const entry = { order: row.order, state };
      this.#entries.push(entry);
      this.#index(entry);
      this.#onLoad({ key: row.key, order: row.order, state });
    }
    if (rows.length > 0) {
      this.#list = undefined;
    }
  }
  #index(entry: Entry): void {
    const { state } = entry;
    if (!state.delete) {
      this.#live.set(state.urn, state);
    }
    push(this.#all, state.urn, state);
    this.#dependencies?.add(state, entry.order);
    const leaders = new Set(state.replaceWith);
    if (state.deletedWith) {
      leaders.add(state.deletedWith);
    }
    for (const urn of leaders) {
      push(this.#followers, urn, entry);
    }
  }
}

function push<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list) {
    list.push(item);
  } else {
    lists.set(key, [item]);
  }
}
