import { ClawError } from "../../../sdk/contract/index.ts";
import type { Agents } from "../ports/instances/agents.ts";
import type { InstanceAddress } from "../ports/runtimes/runtime.ts";

/** Whether nobody would answer because the claw is stopped: a stopped one has no agent. */
export function isDown({ uid, running }: InstanceAddress, agents: Agents): boolean {
  return !running && agents.status(uid) === undefined;
}

/** What takes a claw that runs is asked of one that is stopped. */
export function notRunning(name: string): ClawError {
  return new ClawError("instance.not_running", `instance '${name}' is stopped; start it first`);
}
