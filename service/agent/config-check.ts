import { setTimeout as delay } from "node:timers/promises";
import type { AgentStatus } from "../../sdk/contract/index.ts";
import type { AttendedClaw } from "./attended-claw.ts";
import { asList, callGateway, type Unknown } from "./openclaw-gateway.ts";

type ConfigStatus = Omit<NonNullable<AgentStatus["config"]>, "digest">;

/** It looks at its files within a second; a busy host may take many. */
const PAUSES_MS = [500, 1_000, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000];
const ISSUES_MAX = 20;
const ISSUE_CHARS_MAX = 500;

/**
 * Asks a claw that reloads its config by itself whether it has done so: one that refuses the new files says so in its log only, and goes
 * on with the old ones. It is asked once it is ready, and whenever its files change while it runs.
 */
export function watchConfig(claw: AttendedClaw): void {
  let asked: string | undefined;
  claw.onStatus(({ phase }) => {
    const digest = claw.configCheck?.digest;
    if (phase !== "Ready" && phase !== "Unready") {
      asked = undefined;
    } else if (digest !== undefined && asked !== digest) {
      const isReload = asked !== undefined;
      asked = digest;
      if (isReload) {
        claw.tellOwnWord({ config: { digest, state: "pending", message: "it has not taken its new configuration over yet" } });
      }
      void ask(claw, () => asked === digest).then((config) => config && claw.tellOwnWord({ config: { digest, ...config } }));
    }
  });
}

/** Asks until there is an answer. Undefined when nobody waits for it any more. */
async function ask(claw: AttendedClaw, isWanted: () => boolean): Promise<ConfigStatus | undefined> {
  let last: ConfigStatus = { state: "unknown", message: "it does not say whether it uses its configuration" };
  for (const pauseMs of PAUSES_MS) {
    await delay(pauseMs);
    const { port, configCheck } = claw;
    if (!isWanted() || !configCheck || port === undefined) {
      return undefined;
    }
    last = await callGateway(port, configCheck.token, "config.get").then(judge, () => last);
    if (last.state === "applied" || last.state === "refused") {
      break;
    }
  }
  // By now it will not: nobody is to wait for it any longer.
  return isWanted() ? { ...last, state: last.state === "pending" ? "refused" : last.state } : undefined;
}

function judge(answer: Unknown): ConfigStatus {
  const { valid, issues, configRevisionHash, appliedConfigHash } = answer;
  if (valid === false) {
    const reasons = asList(issues)
      .slice(0, ISSUES_MAX)
      .map(({ path, message }) => (path ? `${path}: ${message}` : String(message)).slice(0, ISSUE_CHARS_MAX));
    return { state: "refused", message: `it goes on with its former configuration: ${reasons.join("; ") || "the new one is invalid"}` };
  }
  return configRevisionHash !== undefined && configRevisionHash === appliedConfigHash
    ? { state: "applied", message: "" }
    : { state: "pending", message: "it has not taken its new configuration over yet; a restart would" };
}
