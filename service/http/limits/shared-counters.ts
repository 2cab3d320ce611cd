import type { FastifyBaseLogger } from "fastify";
import type { Transactions } from "../../application/ports/transactions.ts";
import { WINDOW_SECONDS } from "./rate-limits.ts";

/** How long what was counted here stays unknown to other replicas. */
const SYNC_MS = 200;
/** What a replica lets in of a limit before it hears of the others: as much as each of them may let in beyond it. */
const SHARE = 0.1;
/** Who sends with more addresses than that is counted as one. */
const KEYS_MAX = 50_000;

export interface CounterOptions {
  readonly transactions: Transactions;
  readonly log: Pick<FastifyBaseLogger, "warn">;
  /** @default the system's clock */
  readonly clock?: () => number;
}

/** What is left of a limit. */
export interface Verdict {
  readonly allowed: boolean;
  readonly left: number;
}

interface Counter {
  /** What all replicas had counted when they were last asked. */
  known: number;
  /** What was counted here since, or is being told. */
  fresh: number;
}

/**
 * Counts in windows of time, with all replicas together and without a statement per request: each counts for itself and tells the others
 * five times a second, in one statement for everything. Who comes faster than a {@link SHARE} of the limit in between waits for that statement, which is made at
 * once then. So a limit is exact for one replica, and passed by a tenth for each at most by several. Without a database each counts alone.
 */
export class SharedCounters {
  readonly #options: CounterOptions;
  #window = 0;
  #counters = new Map<string, Counter>();
  #timer: NodeJS.Timeout | undefined;
  #syncing: Promise<void> | undefined;

  constructor(options: CounterOptions) {
    this.#options = options;
  }

  /** Counts one more, unless there were as many as may be. */
  async take(key: string, max: number): Promise<Verdict> {
    for (;;) {
      const counter = this.#counterOf(key);
      const left = max - counter.known - counter.fresh;
      if (left <= 0) {
        return { allowed: false, left: 0 };
      }
      if (counter.fresh < Math.ceil(max * SHARE)) {
        counter.fresh += 1;
        this.#timer ??= setTimeout(() => void this.#sync(), SYNC_MS).unref();
        return { allowed: true, left: left - 1 };
      }
      await this.#sync();
    }
  }

  /** Whether there is anything left of a limit, as far as it is known here. */
  isUsedUp(key: string, max: number): boolean {
    this.#forget();
    const { known, fresh } = this.#counters.get(key) ?? { known: 0, fresh: 0 };
    return known + fresh >= max;
  }

  /** Seconds until everything is forgotten. */
  get resetSeconds(): number {
    return Math.max(1, Math.ceil(this.#windowNow() + WINDOW_SECONDS - this.#now() / 1000));
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#syncing;
  }

  #now(): number {
    return (this.#options.clock ?? Date.now)();
  }

  #windowNow(): number {
    const seconds = Math.floor(this.#now() / 1000);
    return seconds - (seconds % WINDOW_SECONDS);
  }

  /** Begins anew with each window. */
  #forget(): void {
    const window = this.#windowNow();
    if (window !== this.#window) {
      this.#window = window;
      this.#counters = new Map();
    }
  }

  #counterOf(key: string): Counter {
    this.#forget();
    const kept = this.#counters.has(key) || this.#counters.size < KEYS_MAX ? key : "others";
    const counter = this.#counters.get(kept) ?? { known: 0, fresh: 0 };
    this.#counters.set(kept, counter);
    return counter;
  }

  #sync(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#syncing ??= this.#tell().finally(() => {
      this.#syncing = undefined;
    });
    return this.#syncing;
  }

  async #tell(): Promise<void> {
    const window = this.#window;
    const told = [...this.#counters].filter(([, { fresh }]) => fresh > 0).map(([key, counter]) => ({ key, counter, count: counter.fresh }));
    if (told.length === 0) {
      return;
    }
    const totals = await this.#options.transactions
      .platform(async (tx) => {
        await tx.counters.removeBefore(window - WINDOW_SECONDS);
        return tx.counters.add(window, told);
      })
      .catch((err: unknown) => {
        this.#options.log.warn({ err }, "requests are counted by this replica alone");
        return told.map(({ counter, count }) => counter.known + count);
      });
    for (const [index, { counter, count }] of told.entries()) {
      counter.known = totals[index] ?? counter.known + count;
      counter.fresh -= count;
    }
  }
}
