import { ClawError, LogItemSchema, parseJson } from "../../../sdk/contract/index.ts";
import type { AgentChannel } from "../ports/instances/agents.ts";

/** How long a log read may take before what has come is answered. */
const LOGS_TIMEOUT_MS = 5000;
/** What of a log is answered at most, in characters. */
const LOGS_LENGTH_MAX = 1024 * 1024;

/** The last lines that fit, and the position behind them where the source tells one. */
export function readLines(channel: AgentChannel): Promise<{ readonly lines: string[]; readonly position: string | undefined }> {
  return new Promise((resolve, reject) => {
    const lines: string[] = [];
    let position: string | undefined;
    let length = 0;
    const take = (whole: string) => {
      const line = whole.slice(-LOGS_LENGTH_MAX);
      lines.push(line);
      length += line.length + 1;
      // Lines may be of any length, and as many come as were asked for: what is kept is the end.
      while (length > LOGS_LENGTH_MAX && lines.length > 1) {
        length -= (lines.shift()?.length ?? 0) + 1;
      }
    };
    const timer = setTimeout(() => {
      channel.close();
      resolve({ lines, position });
    }, LOGS_TIMEOUT_MS);
    channel.onData((data) => {
      const item = LogItemSchema.parse(parseJson(data));
      position = item.position ?? position;
      if (item.type === "lines") {
        for (const line of item.lines) {
          take(line);
        }
      }
    });
    channel.onClose(({ error }) => {
      clearTimeout(timer);
      if (error === undefined) {
        resolve({ lines, position });
      } else {
        reject(new ClawError("instance.unreachable", `reading the logs failed: ${error}`));
      }
    });
  });
}
