/** When a crashed claw is started again. */
export interface BackOffPolicy {
  readonly baseMs: number;
  readonly maxMs: number;
  /** A claw that was ready for this long starts again with the shortest delay. */
  readonly stableMs: number;
  /** This many crashes within the window are a crash loop. */
  readonly loopCrashes: number;
  readonly loopWindowMs: number;
}

export const defaultBackOff: BackOffPolicy = {
  baseMs: 500,
  maxMs: 60_000,
  stableMs: 60_000,
  loopCrashes: 5,
  loopWindowMs: 600_000,
};

/** The crashes so far; kept over restarts of the agent. */
export interface CrashHistory {
  /** In a row, without a stable time between them. */
  readonly failures: number;
  readonly crashedAtMs: readonly number[];
  readonly nextStartAtMs: number;
}
export const noCrashes: CrashHistory = { failures: 0, crashedAtMs: [], nextStartAtMs: 0 };

/** The history after one more crash. @param readyForMs how long the claw was ready before it @param random in [0, 1) */
export function afterCrash(
  history: CrashHistory,
  policy: BackOffPolicy,
  nowMs: number,
  readyForMs: number,
  random: number,
): CrashHistory & { isLoop: boolean } {
  const failures = readyForMs >= policy.stableMs ? 1 : history.failures + 1;
  const crashedAtMs = [...history.crashedAtMs, nowMs].filter((at) => nowMs - at < policy.loopWindowMs).slice(-policy.loopCrashes);
  const delayMs = Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(failures - 1, 30)) * (0.8 + 0.4 * random);
  return { failures, crashedAtMs, nextStartAtMs: Math.round(nowMs + delayMs), isLoop: crashedAtMs.length >= policy.loopCrashes };
}
