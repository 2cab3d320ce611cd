import { setTimeout as delay } from "node:timers/promises";
import type { LogItem } from "../../../sdk/contract/index.ts";
import { NOT_OF_THE_AGENT } from "../attended-claw.ts";
import { FOLLOW_POLL_MS, LogReader } from "../log-reader.ts";
import type { ChannelContext, ChannelHandler } from "./channel.ts";

interface OpenLogs {
  readonly tailLines: number;
  readonly follow: boolean;
  readonly after?: string | undefined;
  readonly items?: true | undefined;
}

/** The last lines of the claw's log, or those after a position, then what follows. */
export function openLogs(ctx: ChannelContext, open: OpenLogs): ChannelHandler {
  if (!ctx.claw.process) {
    ctx.end({ error: NOT_OF_THE_AGENT });
    return { closed: () => {} };
  }
  const reader = new LogReader(ctx.claw.process.log, open);
  /** To a control plane that knows no items the text alone is sent. */
  const give = (item: LogItem) => ctx.send(open.items ? JSON.stringify(item) : item.type === "lines" ? `${item.lines.join("\n")}\n` : "");
  let isClosed = false;
  let isHeldBack = false;
  const sendAll = async () => {
    while (!isClosed) {
      const item = reader.next() ?? (open.follow ? undefined : reader.rest());
      if (item) {
        const room = give(item);
        isHeldBack = room !== undefined;
        await room;
        isHeldBack = false;
      } else if (open.follow) {
        await delay(FOLLOW_POLL_MS);
      } else {
        break;
      }
    }
    ctx.end();
  };
  void sendAll().catch((err: Error) => ctx.end({ error: `the log can't be read: ${err.message}` }));
  return {
    lastWords: () => {
      isClosed = true;
      // Whoever takes no more could not take them either.
      for (let item = isHeldBack ? undefined : reader.next(); item; item = reader.next()) {
        give(item);
      }
    },
    closed: () => {
      isClosed = true;
    },
  };
}
