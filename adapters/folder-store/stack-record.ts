import type { PendingOperation, ResourceState, SecretsProvider } from "../engine/contract/checkpoint.ts";
import { edgesOf } from "../engine/contract/edges.ts";
import type { HistoryEntry, JournalEntry, StoredResource, StoredStack } from "../engine/contract/store.ts";

const HISTORY_ENTRIES_KEPT = 500;

/** Who may write the stack, and until when. */
export interface HeldLease {
  readonly holder: string;
  /** Milliseconds since 1970, by the clock of who wrote it. */
  readonly expiresAt: number;
  /** The process that took it, where processes can be told apart. */
  readonly process: HolderProcess | undefined;
}
export interface HolderProcess {
  /** The running system, and where it counts its processes. */
  readonly machine: string;
  readonly pid: number;
}

/** One change of a stack, as its log has it. */
export type LogEntry =
  | { readonly kind: "created"; readonly secretsProvider?: SecretsProvider | undefined }
  | { readonly kind: "removed" }
  | { readonly kind: "settings"; readonly settings: Partial<Pick<StoredStack, "secretsProvider" | "config" | "tags">> }
  | { readonly kind: "journal"; readonly entries: readonly JournalEntry[] }
  | { readonly kind: "checkpoint"; readonly resources: readonly StoredResource[]; readonly pending: readonly PendingOperation[] }
  | { readonly kind: "leased"; readonly token: number; readonly lease: HeldLease }
  | { readonly kind: "released"; readonly token: number }
  | { readonly kind: "cancelRequested" }
  | { readonly kind: "history"; readonly entry: Omit<HistoryEntry, "version"> }
  /** The stack takes over all that another one was. */
  | { readonly kind: "renamed"; readonly from: WrittenRecord };

/** A state, apart from its JSON: whoever is given it may change it. */
interface Row {
  readonly order: number;
  readonly urn: string;
  readonly references: readonly string[];
  readonly json: string;
}

interface Settings {
  exists: boolean;
  serial: number;
  secretsProvider: SecretsProvider | undefined;
  config: StoredStack["config"];
  tags: StoredStack["tags"];
  /** The newest fencing token: higher than any that was given out, for a removed stack of this name too. */
  token: number;
  lease: HeldLease | undefined;
  cancelRequested: boolean;
  historyVersion: number;
  history: HistoryEntry[];
}

/** How a record is written: what Pulumi knows of a stack in its own form, all else beside it. */
export type WrittenRecord = Omit<Settings, "secretsProvider"> & {
  readonly deployment: {
    readonly secrets_providers?: SecretsProvider | undefined;
    readonly resources: readonly ResourceState[];
    readonly pending_operations: readonly PendingOperation[];
  };
  /** Of the resources and the pending operations, in the same order. */
  readonly keys: readonly (readonly [key: string, order: number])[];
  readonly operationIds: readonly string[];
};

const nothing = (): Settings => ({
  exists: false,
  serial: 0,
  secretsProvider: undefined,
  config: {},
  tags: {},
  token: 0,
  lease: undefined,
  cancelRequested: false,
  historyVersion: 0,
  history: [],
});

/** All that is known of one stack: what its log folds into. */
export class StackRecord {
  #settings = nothing();
  readonly #rows = new Map<string, Row>();
  readonly #byUrn = new Index();
  readonly #byReference = new Index();
  readonly #pending = new Map<string, string>();

  static read(written: WrittenRecord): StackRecord {
    const record = new StackRecord();
    record.#take(written);
    return record;
  }

  get settings(): Readonly<Settings> {
    return this.#settings;
  }
  get resourceCount(): number {
    return this.#rows.size;
  }

  write(): WrittenRecord {
    const { secretsProvider, ...settings } = this.#settings;
    const resources = this.resources();
    const pending = this.pending();
    return {
      ...settings,
      deployment: {
        ...(secretsProvider && { secrets_providers: secretsProvider }),
        resources: resources.map(({ state }) => state),
        pending_operations: pending.map(({ operation }) => operation),
      },
      keys: resources.map(({ key, order }) => [key, order]),
      operationIds: pending.map(({ operationId }) => operationId),
    };
  }

  apply(entry: LogEntry): void {
    switch (entry.kind) {
      case "created":
        this.#settings = { ...nothing(), token: this.#settings.token, exists: true, secretsProvider: entry.secretsProvider };
        break;
      case "removed":
        this.#settings = { ...nothing(), token: this.#settings.token };
        this.#clear();
        break;
      case "settings":
        Object.assign(this.#settings, entry.settings);
        break;
      case "journal":
        this.#settings.serial++;
        for (const change of entry.entries) {
          this.#change(change);
        }
        break;
      case "checkpoint":
        this.#settings.serial++;
        this.#clear();
        for (const { key, order, state } of entry.resources) {
          this.#put(key, order, state);
        }
        for (const [index, operation] of entry.pending.entries()) {
          this.#pending.set(`imported-${index}`, JSON.stringify(operation));
        }
        break;
      case "leased":
        // A new token is a new lease, a known one its prolongation.
        Object.assign(this.#settings, entry.token !== this.#settings.token && { cancelRequested: false });
        Object.assign(this.#settings, { token: entry.token, lease: entry.lease });
        break;
      case "released":
        Object.assign(this.#settings, { token: entry.token, lease: undefined, cancelRequested: false });
        break;
      case "cancelRequested":
        this.#settings.cancelRequested = true;
        break;
      case "history": {
        const version = ++this.#settings.historyVersion;
        this.#settings.history = [...this.#settings.history, { version, ...entry.entry }].slice(-HISTORY_ENTRIES_KEPT);
        break;
      }
      case "renamed":
        this.#take(entry.from);
        break;
    }
  }

  /** All in order, or those of the given URNs with everything that they refer to. */
  resources(urns?: readonly string[]): StoredResource[] {
    return this.#load(urns ? this.#closure(urns) : this.#rows.keys());
  }

  dependents(urns: readonly string[]): StoredResource[] {
    return this.#load(new Set(urns.flatMap((urn) => [...this.#byReference.of(urn)])));
  }

  pending(): { operationId: string; operation: PendingOperation }[] {
    return [...this.#pending].map(([operationId, json]) => ({ operationId, operation: JSON.parse(json) }));
  }

  #closure(urns: readonly string[]): Set<string> {
    const keys = new Set<string>();
    const waiting = [...urns];
    const seen = new Set(waiting);
    for (let urn = waiting.pop(); urn !== undefined; urn = waiting.pop()) {
      for (const key of this.#byUrn.of(urn)) {
        keys.add(key);
        for (const reference of this.#rows.get(key)?.references ?? []) {
          if (!seen.has(reference)) {
            seen.add(reference);
            waiting.push(reference);
          }
        }
      }
    }
    return keys;
  }

  #load(keys: Iterable<string>): StoredResource[] {
    return [...keys]
      .flatMap((key) => {
        const row = this.#rows.get(key);
        return row ? [{ key, row }] : [];
      })
      .sort((a, b) => a.row.order - b.row.order)
      .map(({ key, row }) => ({ key, order: row.order, state: JSON.parse(row.json) }));
  }

  #change(change: JournalEntry): void {
    switch (change.kind) {
      case "begin":
        this.#pending.set(change.operationId, JSON.stringify(change.operation));
        break;
      case "end":
        if (!change.keepPending) {
          this.#pending.delete(change.operationId);
        }
        break;
      case "clearPending":
        for (const operationId of change.operationIds) {
          this.#pending.delete(operationId);
        }
        break;
      case "put":
        this.#put(change.key, change.order, change.state);
        break;
      case "remove":
        this.#remove(change.key);
        break;
    }
  }

  #put(key: string, order: number, state: ResourceState): void {
    this.#remove(key);
    const references = [...new Set(edgesOf(state).map(({ urn }) => urn))];
    this.#rows.set(key, { order, urn: state.urn, references, json: JSON.stringify(state) });
    this.#byUrn.add(state.urn, key);
    for (const urn of references) {
      this.#byReference.add(urn, key);
    }
  }

  #remove(key: string): void {
    const row = this.#rows.get(key);
    if (!row) {
      return;
    }
    this.#rows.delete(key);
    this.#byUrn.remove(row.urn, key);
    for (const urn of row.references) {
      this.#byReference.remove(urn, key);
    }
  }

  #take({ deployment, keys, operationIds, ...settings }: WrittenRecord): void {
    this.#settings = { ...nothing(), ...settings, secretsProvider: deployment.secrets_providers };
    this.#clear();
    for (const [index, state] of deployment.resources.entries()) {
      const [key, order] = keys[index] ?? [state.urn, index];
      this.#put(key, order, state);
    }
    for (const [index, operation] of deployment.pending_operations.entries()) {
      this.#pending.set(operationIds[index] ?? `imported-${index}`, JSON.stringify(operation));
    }
  }

  #clear(): void {
    this.#rows.clear();
    this.#byUrn.clear();
    this.#byReference.clear();
    this.#pending.clear();
  }
}

/** URN → keys. */
class Index {
  readonly #keys = new Map<string, Set<string>>();
  of(urn: string): ReadonlySet<string> {
    return this.#keys.get(urn) ?? new Set();
  }
  add(urn: string, key: string): void {
    const keys = this.#keys.get(urn);
    if (keys) {
      keys.add(key);
    } else {
      this.#keys.set(urn, new Set([key]));
    }
  }
  remove(urn: string, key: string): void {
    const keys = this.#keys.get(urn);
    if (keys?.delete(key) && keys.size === 0) {
      this.#keys.delete(urn);
    }
  }
  clear(): void {
    this.#keys.clear();
  }
}
