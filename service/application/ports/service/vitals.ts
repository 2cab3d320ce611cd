import type { Circuit } from "../../../domain/circuit-breaker.ts";

/** How this process does. */
export interface Vitals {
  readonly uptimeSeconds: number;
  readonly residentBytes: number;
  /** How late the event loop was lately. */
  readonly eventLoopDelayMs: { readonly mean: number; readonly p99: number };
  /** What it depends on, as far as it has asked for it. */
  readonly circuits: readonly Circuit[];
}
