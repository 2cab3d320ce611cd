import { randomUUID } from "node:crypto";
import type { PendingOperationType, ResourceState } from "../contract/checkpoint.ts";
import type { JournalEntry, StackLease, StackStore, StoredResource } from "../contract/store.ts";
import type { SecretsManager } from "../operation.ts";
import { encryptState } from "./properties.ts";
import type { Edit } from "./snapshot-rows.ts";
import { SnapshotRows } from "./snapshot-rows.ts";

/**
 * The checkpoint while an operation changes it: what the store holds, row by row, and the journal on its way there.
 *
 * Every change is checked against Pulumi's integrity rules before it is written. Entries of steps that end together travel in one
 * commit, but no promise resolves before its own entries are durable. After the first failed commit nothing is written any more.
 */
export class Snapshot {
  readonly #store: StackStore;
  readonly #lease: StackLease | undefined;
  readonly #secrets: SecretsManager;
  readonly #rows: SnapshotRows;
  #queue: JournalEntry[] = [];
  #flushing: Promise<void> | undefined;
  #failure: Error | undefined;
  #written = false;

  /** Without a lease (a preview) nothing is recorded. */
  constructor(store: StackStore, lease: StackLease | undefined, secrets: SecretsManager, partial: boolean) {
    this.#store = store;
    this.#rows = new SnapshotRows(partial);
    this.#lease = lease;
    this.#secrets = secrets;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  load(stored: StoredResource): void {
    this.#rows.load(stored);
  }

  /** Writes down that the provider is about to be called. */
  async begin(type: PendingOperationType, resource: ResourceState): Promise<string> {
    const operationId = randomUUID();
    const operation = { type, resource: encryptState(resource, this.#secrets) };
    await this.#write([{ kind: "begin", operationId, operation }]);
    return operationId;
  }

  /** Collects the changes of one step and writes them as one. */
  async change(edit: (change: SnapshotChange) => void): Promise<void> {
    if (!this.#lease) {
      return;
    }
    if (this.#failure) {
      throw this.#failure;
    }
    const change = new SnapshotChange();
    edit(change);
    const { touched, removed } = this.#checked(() => this.#rows.apply(change.edits));
    await this.#write([
      ...change.entries,
      ...removed.map(({ key }) => ({ kind: "remove" as const, key })),
      ...touched.map(({ key, order, state }) => ({ kind: "put" as const, key, order, state: encryptState(state, this.#secrets) })),
    ]);
  }

  /** `state` stands for the same row as `known` from now on; what is stored stays as it is. */
  adopt(state: ResourceState, known: ResourceState): void {
    this.#rows.adopt(state, known);
  }

  clearPending(operationIds: readonly string[]): void {
    if (this.#lease && operationIds.length > 0) {
      this.#queue.push({ kind: "clearPending", operationIds });
    }
  }

  /** Writes what is left and checks the whole checkpoint (of a targeted operation: what was loaded of it). */
  async close(): Promise<void> {
    if (this.#written && !this.#failure) {
      this.#checked(() => this.#rows.verify());
    }
    if (this.#queue.length > 0) {
      await this.#write([]);
    } else {
      await this.#flushing;
    }
  }

  async #write(entries: readonly JournalEntry[]): Promise<void> {
    if (!this.#lease) {
      return;
    }
    if (this.#failure) {
      throw this.#failure;
    }
    this.#queue.push(...entries);
    this.#written = true;
    // Entries that arrive while a commit is on its way share the next one.
    const previous = this.#flushing;
    if (previous) {
      await previous.catch(() => {});
      if (this.#queue.length === 0) {
        await this.#flushing;
        if (this.#failure) {
          throw this.#failure;
        }
        return;
      }
    }
    await (this.#flushing ?? this.#flush(this.#lease));
    if (this.#failure) {
      throw this.#failure;
    }
  }
  #flush(lease: StackLease): Promise<void> {
    const batch = this.#queue.splice(0);
    this.#flushing = this.#store
      .commit(lease, batch)
      .then(
        () => {},
        (error: unknown) => {
          this.#failure ??= error instanceof Error ? error : new Error(String(error));
          throw this.#failure;
        },
      )
      .finally(() => {
        this.#flushing = undefined;
      });
    return this.#flushing;
  }

  #checked<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      this.#failure = new Error(`snapshot integrity failure; refusing to write it: ${(error as Error).message}`, { cause: error });
      throw this.#failure;
    }
  }
}

/** The changes of one step, written together. */
export class SnapshotChange {
  readonly entries: JournalEntry[] = [];
  readonly edits: Edit[] = [];

  end(operationId: string | undefined, keepPending = false): void {
    if (operationId) {
      this.entries.push({ kind: "end", operationId, ...(keepPending && { keepPending }) });
    }
  }
  /** Writes a state: in the row of `takesOver`, or in a new one (at the place of `beside`, when that one stays for a while). */
  put(state: ResourceState, where: { takesOver?: ResourceState | undefined; beside?: ResourceState | undefined } = {}): void {
    this.edits.push({
      kind: "put",
      state,
      ...(where.takesOver && { takesOver: where.takesOver }),
      ...(where.beside && { beside: where.beside }),
    });
  }
  remove(state: ResourceState): void {
    this.edits.push({ kind: "remove", state });
  }
}
