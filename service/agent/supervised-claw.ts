import type { AttendedClaw } from "./attended-claw.ts";
import { resolvePlaceholders } from "./launch.ts";
import type { Supervisor } from "./supervisor.ts";
import { UsageMeter } from "./usage-meter.ts";

/** The claw of a supervisor, as the connection and its channels see it. */
export function supervisedClaw(supervisor: Supervisor): AttendedClaw {
  const meter = new UsageMeter();
  return {
    process: supervisor,
    get identity() {
      return supervisor.spec;
    },
    get status() {
      return supervisor.status;
    },
    get port() {
      return supervisor.port;
    },
    get chat() {
      const { spec, port } = supervisor;
      const { chat, secretEnv } = spec.runtime;
      return (
        chat && {
          model: chat.model,
          path: resolvePlaceholders(chat.path, spec, port ?? 0),
          token: chat.tokenEnv === undefined ? undefined : secretEnv[chat.tokenEnv],
        }
      );
    },
    get configCheck() {
      const { configCheck, secretEnv } = supervisor.spec.runtime;
      return configCheck && { token: secretEnv[configCheck.tokenEnv] ?? "", digest: configCheck.digest };
    },
    get channelCheck() {
      const { channelCheck, secretEnv } = supervisor.spec.runtime;
      return channelCheck && { token: secretEnv[channelCheck.tokenEnv] ?? "", channels: channelCheck.channels };
    },
    usage: () => meter.read(supervisor.status.pid),
    tellOwnWord: (word) => supervisor.tellOwnWord(word),
    onStatus: (listener) => supervisor.onStatus(listener),
  };
}
