import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Vitals } from "../../application/ports/service/vitals.ts";

const RESOLUTION_MS = 20;
/** Of so long the delay is told: a look says how it is, not how it was at the start. */
const PERIOD_MS = 60_000;

/** Looks after this process's own state. */
export function watchVitals(): { read(): Omit<Vitals, "circuits">; stop(): void } {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const timer = setInterval(() => delay.reset(), PERIOD_MS).unref();
  const late = (nanoseconds: number) => Math.max(0, Math.round(nanoseconds / 1e6 - RESOLUTION_MS) || 0);
  return {
    read: () => ({
      uptimeSeconds: Math.round(process.uptime()),
      residentBytes: process.memoryUsage.rss(),
      eventLoopDelayMs: { mean: late(delay.mean), p99: late(delay.percentile(99)) },
    }),
    stop() {
      clearInterval(timer);
      delay.disable();
    },
  };
}
