/** How a dependency does, as seen from here. `half-open`: it has failed, and the next one to ask finds out whether it still does. */
export interface Circuit {
  readonly dependency: string;
  readonly state: "closed" | "open" | "half-open";
  /** Failures in a row. */
  readonly failures: number;
  /** What the last failure said. */
  readonly message?: string;
}

export interface CircuitOptions {
  readonly dependency: () => string;
  /** Whether an error says that the dependency is not there; any other is an answer of it. */
  readonly isFailure: (error: unknown) => boolean;
  /** @default the system's clock */
  readonly clock?: () => number;
}

const FAILURES_MAX = 3;
const OPEN_MS = 5_000;

/**
 * Keeps callers from waiting, one after the other, for what has just failed: after three failures in a row each is refused at once with the last
 * one, and every five seconds one is let through to see.
 */
export class CircuitBreaker {
  readonly #options: CircuitOptions;
  #failures = 0;
  #openUntilMs = 0;
  #error: unknown;

  constructor(options: CircuitOptions) {
    this.#options = options;
  }

  get circuit(): Circuit {
    const state = this.#failures < FAILURES_MAX ? "closed" : this.#now() < this.#openUntilMs ? "open" : "half-open";
    return {
      dependency: this.#options.dependency(),
      state,
      failures: this.#failures,
      ...(this.#failures > 0 && { message: this.#error instanceof Error ? this.#error.message : String(this.#error) }),
    };
  }

  /** @throws what `work` throws, or the last failure again while the circuit is open */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const { state } = this.circuit;
    if (state === "open") {
      throw this.#error;
    }
    if (state === "half-open") {
      // This one is the trial; others wait for what it comes to.
      this.#openUntilMs = this.#now() + OPEN_MS;
    }
    return this.probe(work);
  }

  /** The same, whatever the state: for those whose business it is to find out. */
  async probe<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      this.#failures = 0;
      return result;
    } catch (error) {
      if (this.#options.isFailure(error)) {
        this.#failures += 1;
        this.#error = error;
        this.#openUntilMs = this.#now() + OPEN_MS;
      } else {
        this.#failures = 0;
      }
      throw error;
    }
  }

  #now(): number {
    return (this.#options.clock ?? Date.now)();
  }
}
