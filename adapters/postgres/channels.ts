/** On it every replica is told that something new is wanted of instances. */
export const WORK_CHANNEL = "claw_work";
/** On it every replica is told whose agent has come with a newer token, by the instance's id: one that is connected by a former is no good any more. */
export const AGENT_CHANNEL = "claw_agents";
/** On it every replica is told which instance has changed, as `<tenant id> <instance id>`: a trigger tells, whoever writes. */
export const CHANGE_CHANNEL = "claw_changes";
