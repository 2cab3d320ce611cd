/** On it every replica is told that something new is wanted of instances. */
export const WORK_CHANNEL = "claw_work";
