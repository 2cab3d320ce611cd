import type { PendingOperation, ResourceState, SecretsProvider } from "./checkpoint.ts";

/** The name of a stack: Pulumi's `organization/project/stack`; the organization is always `organization`. */
export interface StackRef {
  readonly project: string;
  readonly stack: string;
}

/**
 * One change of a checkpoint. A store appends them in order and folds them into its rows, so that a step's cost does not grow with
 * the stack. `key` identifies one state: the URN alone is not enough while a replacement's old half is still there.
 */
export type JournalEntry =
  /** A step is about to call the provider. Written before the call: a kill loses no knowledge of what may exist now. */
  | { readonly kind: "begin"; readonly operationId: string; readonly operation: PendingOperation }
  /** The step ended; its pending operation is forgotten unless `keepPending`. */
  | { readonly kind: "end"; readonly operationId: string; readonly keepPending?: boolean }
  /** Writes a state. `order` places it in the deployment's list: dependencies have lower orders. */
  | { readonly kind: "put"; readonly key: string; readonly order: number; readonly state: ResourceState }
  | { readonly kind: "remove"; readonly key: string }
  /** Forgets pending operations (refresh, import). */
  | { readonly kind: "clearPending"; readonly operationIds: readonly string[] };

/** A stored state with the key and order it was put under. */
export interface StoredResource {
  readonly key: string;
  readonly order: number;
  readonly state: ResourceState;
}

export interface StoredStack {
  readonly ref: StackRef;
  /** Grows by one with every commit: what a preview is bound to. */
  readonly serial: number;
  readonly secretsProvider: SecretsProvider | undefined;
  /** `namespace:key` → plaintext, or ciphertext when `secure`; `object` marks JSON. */
  readonly config: Readonly<Record<string, { value: string; secure: boolean; object?: boolean }>>;
  readonly tags: Readonly<Record<string, string>>;
}

export interface StackSummary {
  readonly ref: StackRef;
  readonly resourceCount: number;
  readonly lastUpdate: string | undefined;
  readonly updateInProgress: boolean;
}

export interface HistoryEntry {
  readonly version: number;
  readonly kind: "update" | "preview" | "refresh" | "rename" | "destroy" | "import" | "resource-import";
  /** RFC 3339. */
  readonly startTime: string;
  readonly endTime: string;
  readonly message: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Secret values are ciphertext; `object` marks JSON. */
  readonly config: Readonly<Record<string, { value: string; secret: boolean; object?: boolean }>>;
  readonly result: "succeeded" | "failed" | "in-progress";
  readonly resourceChanges: Readonly<Record<string, number>>;
}

/** The right to write one stack: taken before an operation, checked by every write, and lost when another holder took it over. */
export interface StackLease {
  readonly ref: StackRef;
  readonly holder: string;
  /** Grows with every lease taken on this stack. */
  readonly fencingToken: number;
  /** Whose expired lease this one took over. */
  readonly formerHolder?: string;
}

/**
 * Where stacks live: checkpoints a row per resource, config, tags, history and leases.
 * Bound to one tenant by whoever makes it; another tenant's stack is as if it did not exist.
 */
export interface StackStore {
  /** @throws {StackExistsError} */
  createStack(ref: StackRef, secretsProvider?: SecretsProvider): Promise<StoredStack>;
  findStack(ref: StackRef): Promise<StoredStack | undefined>;
  listStacks(project?: string): Promise<StackSummary[]>;
  /** Removes the stack with its config, tags, history and rows. */
  removeStack(lease: StackLease): Promise<void>;
  /**
   * Renames the stack; `checkpoint`, its states with the URNs of the new name, is written in the same transaction.
   * Returns the lease under the new name.
   * @throws {StackExistsError}
   */
  renameStack(
    lease: StackLease,
    to: StackRef,
    checkpoint: { resources: readonly StoredResource[]; pending: readonly PendingOperation[] },
  ): Promise<StackLease>;
  setSecretsProvider(lease: StackLease | StackRef, provider: SecretsProvider): Promise<void>;
  setConfig(ref: StackRef, config: StoredStack["config"]): Promise<void>;
  setTags(ref: StackRef, tags: StoredStack["tags"]): Promise<void>;

  /** All resources in order, or those whose URNs are given, together with everything they depend on (transitively) and their providers. */
  loadResources(ref: StackRef, urns?: readonly string[]): Promise<{ serial: number; resources: StoredResource[] }>;
  loadPending(ref: StackRef): Promise<{ operationId: string; operation: PendingOperation }[]>;
  /** States that name one of `urns` as parent, dependency, property dependency, deletedWith, replaceWith or provider (not transitive). */
  findDependents(ref: StackRef, urns: readonly string[]): Promise<StoredResource[]>;
  /**
   * Applies the entries as one transaction and returns the new serial.
   * @throws {LeaseLostError} when the lease's fencing token is no longer the stack's newest.
   */
  commit(lease: StackLease, entries: readonly JournalEntry[]): Promise<number>;
  /** Replaces the whole checkpoint (import). */
  replaceDeployment(lease: StackLease, resources: readonly StoredResource[], pending: readonly PendingOperation[]): Promise<number>;

  /** @throws {StackLockedError} when somebody else's unexpired lease is on it. An expired one is taken over. */
  acquireLease(ref: StackRef, holder: string, ttlSeconds: number): Promise<StackLease>;
  /**
   * Prolongs the lease and says whether somebody asked its holder to stop.
   * @throws {LeaseLostError}
   */
  renewLease(lease: StackLease, ttlSeconds: number): Promise<{ cancelRequested: boolean }>;
  releaseLease(lease: StackLease): Promise<void>;
  /** Asks the holder of an unexpired lease to stop; it learns of it at its next renewal. Returns the holder, if there is one. */
  requestCancel(ref: StackRef): Promise<string | undefined>;
  /** Takes the lease away from whoever holds it (`cancel`, `unlock`): the holder's next write fails. Returns the former holder. */
  breakLease(ref: StackRef): Promise<string | undefined>;

  appendHistory(ref: StackRef, entry: Omit<HistoryEntry, "version">): Promise<void>;
  /** Newest first; `page` counts from 1. */
  listHistory(ref: StackRef, pageSize?: number, page?: number): Promise<HistoryEntry[]>;
}

export class StackExistsError extends Error {
  constructor(ref: StackRef) {
    super(`stack 'organization/${ref.project}/${ref.stack}' already exists`);
    this.name = "StackExistsError";
  }
}
export class StackMissingError extends Error {
  constructor(ref: StackRef) {
    super(`no stack named '${ref.stack}' found`);
    this.name = "StackMissingError";
  }
}
export class StackLockedError extends Error {
  constructor(ref: StackRef, holder: string) {
    super(`the stack is currently locked by ${holder} (stack '${ref.stack}')`);
    this.name = "StackLockedError";
  }
}
export class LeaseLostError extends Error {
  constructor(ref: StackRef) {
    super(`the lease on stack '${ref.stack}' was lost to another worker; nothing was written`);
    this.name = "LeaseLostError";
  }
}
