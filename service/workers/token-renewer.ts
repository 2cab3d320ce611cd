import type { Logger } from "pino";
import { type RenewDependencies, renewAgentTokens } from "../application/access/renew-agent-tokens.ts";
import { type Loop, startLoop } from "./loop.ts";

/** A few at a time, for each is an operation: a thousand that were made on one day take an hour. */
const IDLE_MS = 60_000;
const AT_A_TIME = 20;

/** Renews the tokens of agents. Of several replicas each may: an instance is one's at a time. */
export function startTokenRenewer({ log, ...deps }: RenewDependencies & { readonly log: Logger }): Loop {
  const turn = async () => {
    const renewed = await renewAgentTokens(AT_A_TIME, deps);
    if (renewed > 0) {
      log.info({ renewed }, "agents are handed other tokens: their last ones were old");
    }
    return false;
  };
  return startLoop("token-renewer", IDLE_MS, turn, log);
}
