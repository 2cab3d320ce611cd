import { existsSync } from "node:fs";
import { join } from "node:path";
import { clawLog, LogFile } from "./log-file.ts";

/** Reads the logs of a host's claws where they lie: those of a stopped one there is no agent to ask for. */
export function createStoredLogs(hostDir: string): (uid: string) => LogFile | undefined {
  return (uid) => {
    const path = clawLog(join(hostDir, "run", uid));
    return existsSync(path) ? new LogFile(path) : undefined;
  };
}
