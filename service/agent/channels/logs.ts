import { NOT_OF_THE_AGENT } from "../attended-claw.ts";
import { type ChannelContext, type ChannelHandler, throttle } from "./channel.ts";

/** Keeps frames far below any limit of the other side. */
const PIECE_CHARS = 64 * 1024;

/** The last lines of the claw's log, then what follows. */
export function openLogs(ctx: ChannelContext, open: { tailLines: number; follow: boolean }): ChannelHandler {
  if (!ctx.claw.process) {
    ctx.end({ error: NOT_OF_THE_AGENT });
    return { closed: () => {} };
  }
  const { log } = ctx.claw.process;
  const text = log.tail(open.tailLines);
  for (let at = 0; at < text.length; at += PIECE_CHARS) {
    ctx.send(text.slice(at, at + PIECE_CHARS));
  }
  if (!open.follow) {
    ctx.end();
    return { closed: () => {} };
  }
  const follower = log.follow((appended) => {
    ctx.send(appended);
    throttled.check();
  });
  const throttled = throttle(ctx, follower);
  return {
    closed: () => {
      throttled.close();
      follower.close();
    },
  };
}
