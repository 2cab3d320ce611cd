import type { Logger } from "pino";
import { type Loop, startLoop } from "./loop.ts";

const IDLE_MS = 5_000;

/** What is put on record when it is over: refusals that came again, sessions that have ended. */
interface Untold {
  tell(): Promise<void>;
}

export function startAuditTeller(untold: readonly Untold[], log: Logger): Loop {
  const turn = async () => {
    for (const part of untold) {
      await part.tell();
    }
    return false;
  };
  return startLoop("audit-teller", IDLE_MS, turn, log);
}
