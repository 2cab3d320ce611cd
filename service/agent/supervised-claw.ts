import { isDeepStrictEqual } from "node:util";
import { writeFiles } from "../../adapters/confinement/claw-files.ts";
import type { Handing } from "../../sdk/contract/index.ts";
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
    get files() {
      const { files, dirs } = supervisor.spec;
      return files && { dir: dirs.configDir, digests: files };
    },
    take: (handing) => take(supervisor, handing),
    tellUnstored: (unstored) => supervisor.tellUnstored(unstored),
    usage: () => meter.read(supervisor.status.pid),
    tellOwnWord: (word) => supervisor.tellOwnWord(word),
    tellDisk: (disk) => supervisor.tellDisk(disk),
    onStatus: (listener) => supervisor.onStatus(listener),
  };
}

/** First the files, as an operation of the engine does it: whoever dies in between has the former specification still, and is handed both again. */
async function take(supervisor: Supervisor, handing: Handing): Promise<void> {
  const { spec } = supervisor;
  if (!("spec" in handing) || handing.spec.instanceUid !== spec.instanceUid || !isDeepStrictEqual(handing.spec.dirs, spec.dirs)) {
    throw new Error("it is not for this claw");
  }
  await writeFiles(spec.dirs.configDir, handing.files);
  if (supervisor.spec.specDigest !== spec.specDigest) {
    throw new Error("its specification was changed meanwhile");
  }
  supervisor.apply(handing.spec);
}
