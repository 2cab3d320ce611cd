/** How a dependency does, as seen from here. `half-open`: it has failed, and the next one to ask finds out whether it still does. */
export interface Circuit {
  readonly dependency: string;
  readonly state: "closed" | "open" | "half-open";
  /** Failures in a row. */
  readonly failures: number;
  /** What the last failure said. */
  readonly message?: string;
}

/** What a breaker remembers. */
export interface CircuitState {
  readonly failures: number;
  readonly openUntilMs: number;
  /** The last failure. */
  readonly error: unknown;
}

/** Where that is kept: with the breaker itself, or where several processes find it that ask for the same thing. */
export interface CircuitMemory {
  read(): CircuitState;
  write(state: CircuitState): void;
}

export interface CircuitOptions {
  readonly dependency: () => string;
  /** Whether an error says that the dependency is not there; any other is an answer of it. */
  readonly isFailure: (error: unknown) => boolean;
  /** @default the system's clock */
  readonly clock?: () => number;
  /** @default the breaker's own */
  readonly memory?: CircuitMemory;
}

const FAILURES_MAX = 3;
const OPEN_MS = 5_000;

/** What is remembered of a dependency that nobody has asked. */
export const UNASKED: CircuitState = { failures: 0, openUntilMs: 0, error: undefined };

/**
 * Keeps callers from waiting, one after the other, for what has just failed: after three failures in a row each is refused at once with the last
 * one, and every five seconds one is let through to see.
 */
export class CircuitBreaker {
  readonly #options: CircuitOptions;
  readonly #memory: CircuitMemory;

  constructor(options: CircuitOptions) {
    this.#options = options;
    this.#memory = options.memory ?? inProcess();
  }

  get circuit(): Circuit {
    const { failures, openUntilMs, error } = this.#memory.read();
    const state = failures < FAILURES_MAX ? "closed" : this.#now() < openUntilMs ? "open" : "half-open";
    return {
      dependency: this.#options.dependency(),
      state,
      failures,
      ...(failures > 0 && { message: error instanceof Error ? error.message : String(error) }),
    };
  }

  /** @throws what `work` throws, or the last failure again while the circuit is open */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const { state } = this.circuit;
    const known = this.#memory.read();
    if (state === "open") {
      throw known.error;
    }
    if (state === "half-open") {
      // This one is the trial; others wait for what it comes to.
      this.#memory.write({ ...known, openUntilMs: this.#now() + OPEN_MS });
    }
    return this.probe(work);
  }

  /** The same, whatever the state: for those whose business it is to find out. */
  async probe<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      this.#memory.write(UNASKED);
      return result;
    } catch (error) {
      const isFailure = this.#options.isFailure(error);
      const { failures } = this.#memory.read();
      this.#memory.write(isFailure ? { failures: failures + 1, error, openUntilMs: this.#now() + OPEN_MS } : UNASKED);
      throw error;
    }
  }

  #now(): number {
    return (this.#options.clock ?? Date.now)();
  }
}

function inProcess(): CircuitMemory {
  let kept = UNASKED;
  return {
    read: () => kept,
    write: (state) => {
      kept = state;
    },
  };
}
