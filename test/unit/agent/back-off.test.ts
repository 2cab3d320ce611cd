import { describe, it } from "vitest";
import { afterCrash, type CrashHistory, defaultBackOff, noCrashes } from "../../../service/agent/back-off.ts";

const delays = (count: number, random: number) => {
  let history: CrashHistory = noCrashes;
  return Array.from({ length: count }, () => {
    history = afterCrash(history, defaultBackOff, 0, 0, random);
    return history.nextStartAtMs;
  });
};

describe("afterCrash", () => {
  it("doubles the delay up to the longest one", ({ expect }) => {
    expect(delays(9, 0.5)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  });

  it("spreads the delay by a fifth each way", ({ expect }) => {
    expect(delays(1, 0)).toEqual([400]);
    expect(delays(1, 1)).toEqual([600]);
  });

  it("begins anew after a stable time", ({ expect }) => {
    const history = { failures: 7, crashedAtMs: [], nextStartAtMs: 0 };
    expect(afterCrash(history, defaultBackOff, 0, 60_000, 0.5).nextStartAtMs).toBe(500);
  });

  it("calls it a loop only when the crashes are close to one another", ({ expect }) => {
    const crashedAtMs = [0, 1_000, 2_000, 3_000];
    const history = { failures: 4, crashedAtMs, nextStartAtMs: 0 };
    expect(afterCrash(history, defaultBackOff, 4_000, 0, 0.5).isLoop).toBe(true);
    expect(afterCrash(history, defaultBackOff, 600_500, 0, 0.5).isLoop).toBe(false);
  });
});
