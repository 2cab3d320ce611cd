import type { Reporter } from "vitest/node";

/**
 * Ends a run one of whose files takes longer than that. A test that computes without an end is reached by no time limit of its own, and the
 * run would be cut off from outside without a word of which it was.
 */
export function endAtHang(minutes: number, end: (path: string) => void): Reporter {
  const timers = new Map<string, NodeJS.Timeout>();
  return {
    onTestModuleStart({ moduleId, relativeModuleId }) {
      timers.set(
        moduleId,
        setTimeout(() => end(relativeModuleId), minutes * 60_000),
      );
    },
    onTestModuleEnd({ moduleId }) {
      clearTimeout(timers.get(moduleId));
      timers.delete(moduleId);
    },
  };
}
