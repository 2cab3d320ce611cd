import type { RolloutSpec } from "../../../sdk/contract/index.ts";
import type { Wave } from "./rollout.ts";

/** A wave with the places of its instances among all that the rollout is about. */
export interface PlannedWave {
  readonly wave: Wave;
  readonly members: readonly number[];
}

/**
 * Puts instances into waves, each into one, in their order. Waves that nothing falls into are left out.
 * @param selected of waves by labels: for each, which of the instances it selects
 */
export function planWaves(
  spec: Pick<RolloutSpec, "strategy" | "approval">,
  count: number,
  selected: readonly ReadonlySet<number>[],
): readonly PlannedWave[] {
  const planned = sizedWaves(spec.strategy, count, selected).filter(({ members }) => members.length > 0);
  return planned.map(({ name, members, approval }, index) => ({
    members,
    wave: {
      name,
      phase: "Pending",
      approval: approval || (spec.approval === "each-wave" && index > 0),
      approvedBy: undefined,
      startedAt: undefined,
      bakesUntil: undefined,
      passedAt: undefined,
      gates: [],
      instances: members.length,
      updated: 0,
    },
  }));
}

function sizedWaves(strategy: RolloutSpec["strategy"], count: number, selected: readonly ReadonlySet<number>[]) {
  const all = Array.from({ length: count }, (_, index) => index);
  if (strategy === "all-at-once") {
    return [{ name: "all", members: all, approval: false }];
  }
  if (strategy === "one-then-rest") {
    return [
      { name: "one", members: all.slice(0, 1), approval: false },
      { name: "rest", members: all.slice(1), approval: false },
    ];
  }
  if ("percentages" in strategy) {
    // Whatever they say, in the end it is all.
    const ends = [...new Set([...strategy.percentages, 100])];
    return ends.map((percent, index) => {
      const from = Math.ceil((count * (ends[index - 1] ?? 0)) / 100);
      return { name: `up-to-${percent}`, members: all.slice(from, Math.ceil((count * percent) / 100)), approval: false };
    });
  }
  const taken = new Set<number>();
  const waves = strategy.waves.map(({ name, approval }, index) => {
    const members = all.filter((place) => selected[index]?.has(place) && !taken.has(place));
    for (const place of members) {
      taken.add(place);
    }
    return { name, members, approval };
  });
  return [...waves, { name: "others", members: all.filter((place) => !taken.has(place)), approval: false }];
}

/** How many may be not ready at a time. */
export function unavailableMax(max: RolloutSpec["maxUnavailable"], count: number): number {
  if (max === undefined) {
    return count;
  }
  return typeof max === "number" ? max : Math.max(1, Math.floor((count * Number.parseInt(max, 10)) / 100));
}
