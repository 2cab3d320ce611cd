import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type Claim, tryClaim } from "./claims.ts";

/**
 * Heavy starts are bound by CPU: more of them at once than half the cores only makes all of them late. Answers undefined when
 * every slot of the host is taken.
 */
export function tryStartSlot(hostDir: string): Claim | undefined {
  const slots = Math.max(1, Math.floor(availableParallelism() / 2));
  for (let slot = 0; slot < slots; slot++) {
    const claim = tryClaim(join(hostDir, "start-slots", String(slot)));
    if (claim) {
      return claim;
    }
  }
  return undefined;
}
