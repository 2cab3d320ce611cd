import { type SweepDependencies, sweepLeftovers } from "../application/sweep-leftovers.ts";
import { type Loop, startLoop } from "./loop.ts";

/** How often to look, at most. */
const IDLE_MS = 60_000;

/** Looks for what was left on this host of instances that nobody knows. What it has seen it forgets with its process: the grace begins anew. */
export function startSweeper(deps: SweepDependencies): Loop {
  const leftovers = new Map<string, number>();
  const turn = async () => {
    await sweepLeftovers(leftovers, deps);
    return false;
  };
  return startLoop("sweeper", Math.min(IDLE_MS, (deps.graceSeconds * 1000) / 4), turn, deps.log);
}
