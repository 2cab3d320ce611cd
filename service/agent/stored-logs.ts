import { existsSync } from "node:fs";
import { join } from "node:path";
import { clawLog, LogFile } from "./log-file.ts";
import { LogReader } from "./log-reader.ts";

/** Reads the logs of a host's claws where they lie: those of a stopped one there is no agent to ask for. */
export function createStoredLogs(hostDir: string) {
  return (uid: string, from: ConstructorParameters<typeof LogReader>[1]): LogReader | undefined => {
    const path = clawLog(join(hostDir, "run", uid));
    return existsSync(path) ? new LogReader(new LogFile(path), from) : undefined;
  };
}
