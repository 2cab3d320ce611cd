/** One measured value beside what it has to be. An area `test/bench/<area>.ts` exports `bench(): Promise<Figure[]>`. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** As a person reads it: `< 1.5 s`. Absent: shown for comparison only. */
  readonly target?: string;
  readonly ok: boolean;
}

/** A figure with an upper bound. */
export function atMost(name: string, value: number, unit: string, limit: number): Figure {
  return { name, value: round(value), unit, target: `≤ ${limit} ${unit}`, ok: value <= limit };
}

/** A figure with a lower bound. */
export function atLeast(name: string, value: number, unit: string, limit: number): Figure {
  return { name, value: round(value), unit, target: `≥ ${limit} ${unit}`, ok: value >= limit };
}

/** A figure that nothing is asked of: what the others are compared with. */
export function shown(name: string, value: number, unit: string): Figure {
  return { name, value: round(value), unit, ok: true };
}

/** The value below which `share` (0 to 1) of the values are. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) {
    throw new Error("no values to take a percentile of");
  }
  return value;
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
