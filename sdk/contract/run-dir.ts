/** What of the agent's own folder is the claw's: its `${runDir}`. All else there is closed to it. */
export const clawRunDir = (runDir: string): string => `${runDir}/claw`;
