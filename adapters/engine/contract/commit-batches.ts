import type { JournalEntry, StackLease } from "./store.ts";

interface QueuedCommit {
  readonly entries: readonly JournalEntry[];
  readonly resolve: (serial: number) => void;
  readonly reject: (error: unknown) => void;
}

/** Commits that wait while another one of the same lease is on its way: they share the next transaction and its fsync. */
export class CommitBatches {
  readonly #write: (lease: StackLease, entries: readonly JournalEntry[]) => Promise<number>;
  readonly #queues = new Map<number, QueuedCommit[]>();

  /** @param write writes entries as one transaction, in order, and returns the new serial */
  constructor(write: (lease: StackLease, entries: readonly JournalEntry[]) => Promise<number>) {
    this.#write = write;
  }

  commit(lease: StackLease, entries: readonly JournalEntry[]): Promise<number> {
    return new Promise((resolve, reject) => {
      const queue = this.#queues.get(lease.fencingToken);
      if (queue) {
        queue.push({ entries, resolve, reject });
        return;
      }
      this.#queues.set(lease.fencingToken, [{ entries, resolve, reject }]);
      void this.#drain(lease);
    });
  }

  async #drain(lease: StackLease): Promise<void> {
    const queue = this.#queues.get(lease.fencingToken) ?? [];
    while (queue.length > 0) {
      const batch = queue.splice(0);
      try {
        const serial = await this.#write(
          lease,
          batch.flatMap((queued) => queued.entries),
        );
        for (const queued of batch) {
          queued.resolve(serial);
        }
      } catch (error) {
        for (const queued of batch) {
          queued.reject(error);
        }
      }
    }
    this.#queues.delete(lease.fencingToken);
  }
}
