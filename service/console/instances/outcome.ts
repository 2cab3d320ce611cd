import type { ClawInstance } from "../../../sdk/contract/index.ts";
import { standingOf } from "./state.ts";

/** What can be done with instances. */
export type Action = "start" | "stop" | "restart" | "kill" | "destroy";

/** What needs somebody comes first. */
export const OUTCOMES = ["failed", "pending", "done"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** What an action has come to, by how its instance is now. @param instance absent where it is gone */
export function outcomeOf(action: Action, instance: Pick<ClawInstance, "metadata" | "spec" | "status"> | undefined): Outcome {
  if (!instance) {
    return action === "destroy" ? "done" : "failed";
  }
  const standing = standingOf(instance);
  if (standing === "failed") {
    return "failed";
  }
  if (action === "destroy" || instance.status.observedGeneration < instance.metadata.generation) {
    return "pending";
  }
  if (action === "stop") {
    return standing === "stopped" ? "done" : "pending";
  }
  return standing === "attention" ? "failed" : standing === "ok" ? "done" : "pending";
}
