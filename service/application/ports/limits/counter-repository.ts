/** How often something was done within one window of time. */
export interface Count {
  readonly key: string;
  readonly count: number;
}

/** Counters that all replicas add to. They are worth nothing once their window is over. */
export interface CounterRepository {
  /** Adds to the counters of a window. @returns what all replicas have counted of each key, in the order given */
  add(window: number, counts: readonly Count[]): Promise<readonly number[]>;
  /** Forgets the windows before one. */
  removeBefore(window: number): Promise<void>;
}
