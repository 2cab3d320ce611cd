import { NotFoundError, UserAbortError, WaitError, WaitTimeoutError } from "./errors.ts";
import type { Instance, WaitOptions, WatchOptions } from "./instance.ts";
import { type Progress, progressOf, type WaitGoal } from "./progress.ts";
import { limited } from "./transport.ts";

const TIMEOUT_MS = 300_000;
const INTERVAL_MS = 300;

/**
 * Waits on an instance that is watched.
 * @param id what it is called in what is said of it, until it was seen
 * @returns the instance, or undefined when it was to be gone and is
 */
export async function waitOn(
  id: string,
  watch: (options: WatchOptions) => AsyncGenerator<Instance, void, undefined>,
  { until = "Declared", timeoutMs = TIMEOUT_MS, signal, onProgress }: WaitOptions = {},
): Promise<Instance | undefined> {
  const limit = limited(signal, timeoutMs);
  let seen: Instance | undefined;
  let progress: Progress = { state: "waiting", note: "nothing is known of it yet" };
  const named = () => `instance '${seen?.metadata.name ?? id}'`;
  try {
    for await (const instance of watch({ signal: limit.signal, intervalMs: INTERVAL_MS })) {
      seen = instance;
      progress = progressOf(instance, until);
      onProgress?.(progress, instance);
      if (progress.state === "done") {
        return until === "Destroyed" ? undefined : instance;
      }
      if (progress.state === "failed") {
        throw new WaitError(`${named()} can't become ${wordOf(until)}`, progress.note, instance);
      }
    }
  } catch (error) {
    if (error instanceof UserAbortError && limit.isOver() && !signal?.aborted) {
      throw new WaitTimeoutError(`${named()} is not ${wordOf(until)} after ${timeoutMs / 1000} s`, progress.note, seen, { cause: error });
    }
    if (!(until === "Destroyed" && isGone(error))) {
      throw error;
    }
  } finally {
    limit.clear();
  }
  const isWanted = until === "Destroyed";
  onProgress?.({ state: isWanted ? "done" : "failed", note: isWanted ? "destroyed" : GONE }, undefined);
  if (!isWanted) {
    throw new WaitError(`${named()} can't become ${wordOf(until)}`, GONE, seen);
  }
  return undefined;
}

const GONE = "destroyed meanwhile";

function wordOf(goal: WaitGoal): string {
  return goal === "Declared" ? "as declared" : goal === "Destroyed" ? "gone" : goal;
}

/** Whether an error says that there is no such instance, and not merely that something else is not there. */
export function isGone(error: unknown): boolean {
  return error instanceof NotFoundError && (error.code === "instance.not_found" || error.code === "tenant.not_found");
}
