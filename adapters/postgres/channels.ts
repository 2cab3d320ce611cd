/** On it every replica is told that something new is wanted of instances. */
export const WORK_CHANNEL = "claw_work";
/** On it every replica is told which instance has changed, as `<tenant id> <instance id>`: a trigger tells, whoever writes. */
export const CHANGE_CHANNEL = "claw_changes";
