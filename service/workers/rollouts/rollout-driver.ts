import type { Logger } from "pino";
import type { ApplicationDependencies } from "../../application/dependencies.ts";
import { driveRollout } from "../../application/rollouts/drive-rollout.ts";
import { type Loop, startLoop } from "../loop.ts";

const IDLE_MS = 500;
/** After this long another takes a rollout whose driver has died. */
const CLAIM_MS = 30_000;

/**
 * Drives rollouts, one step at a time: each replica takes whichever is due, and nobody else has it meanwhile. A step that fails is taken again when its
 * claim is over.
 */
export function startRolloutDriver(
  deps: ApplicationDependencies & { readonly log: Logger; readonly onWake?: (wake: () => void) => void },
): Loop {
  const loop = startLoop(
    "rollout-driver",
    IDLE_MS,
    async () => {
      const now = deps.clock();
      const until = new Date(now.getTime() + CLAIM_MS).toISOString();
      const claim = await deps.transactions.platform((tx) => tx.rollouts.claim(now.toISOString(), until));
      if (!claim) {
        return false;
      }
      try {
        await driveRollout(claim, deps);
      } catch (err) {
        deps.log.warn({ err, tenantId: claim.tenantId, rollout: claim.id }, "a step of a rollout failed; it is taken again");
      }
      return true;
    },
    deps.log,
  );
  deps.onWake?.(loop.wake);
  return loop;
}
