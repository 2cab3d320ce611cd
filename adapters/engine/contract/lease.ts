import { setTimeout as delay } from "node:timers/promises";
import { LeaseLostError, type StackLease, type StackRef, type StackStore } from "./store.ts";

/** Operations of this process, by fencing token: `cancel` stops them without waiting for a heartbeat. */
export type RunningOperations = Map<number, { ref: StackRef; controller: AbortController }>;

export const LEASE_TTL_SECONDS = 30;

export interface LeaseSettings {
  readonly store: StackStore;
  readonly holder: string;
  readonly leaseTtlSeconds: number;
  readonly running: RunningOperations;
  readonly signal: AbortSignal;
  /** A lease that the caller holds: the work is part of its operation. */
  readonly lease?: StackLease | undefined;
}

/** Runs `work` while holding the stack's lease; its signal is aborted by the caller, by `cancel`, or when the lease is lost. */
export async function withLease<T>(
  settings: LeaseSettings,
  ref: StackRef,
  work: (lease: StackLease, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (settings.lease) {
    return work(settings.lease, settings.signal);
  }
  const { store, holder, leaseTtlSeconds, running } = settings;
  const lease = await store.acquireLease(ref, holder, leaseTtlSeconds);
  const controller = new AbortController();
  running.set(lease.fencingToken, { ref, controller });
  let renewedAt = performance.now();
  let renewing = false;
  const heartbeat = setInterval(async () => {
    if (renewing) {
      return;
    }
    renewing = true;
    try {
      const { cancelRequested } = await store.renewLease(lease, leaseTtlSeconds);
      renewedAt = performance.now();
      if (cancelRequested) {
        controller.abort(new Error("the operation was cancelled"));
      }
    } catch (error) {
      const expired = performance.now() - renewedAt > leaseTtlSeconds * 1000;
      if (error instanceof LeaseLostError || expired) {
        controller.abort(error);
      }
    } finally {
      renewing = false;
    }
  }, heartbeatMs(leaseTtlSeconds));
  try {
    return await work(lease, AbortSignal.any([settings.signal, controller.signal]));
  } finally {
    clearInterval(heartbeat);
    running.delete(lease.fencingToken);
    await store.releaseLease(lease);
  }
}

/** One second is also how late another process's `cancel` reaches this one. */
function heartbeatMs(leaseTtlSeconds: number): number {
  return Math.min(1000, (leaseTtlSeconds * 1000) / 3);
}

const POLL_MS = 50;

/**
 * Asks the holder of the stack's lease to stop, gives it time to end its running steps, then takes the lease from it.
 * Returns who held it, if anybody did, and whether it stopped by itself.
 */
export async function cancelHolder(
  store: StackStore,
  ref: StackRef,
  graceMs: number,
): Promise<{ readonly holder: string | undefined; readonly stopped: boolean }> {
  const deadline = performance.now() + graceMs;
  const first = await store.requestCancel(ref);
  let holder = first;
  while (holder !== undefined && performance.now() < deadline) {
    await delay(POLL_MS);
    holder = await store.requestCancel(ref);
  }
  if (holder !== undefined) {
    await store.breakLease(ref);
  }
  return { holder: first, stopped: holder === undefined };
}
