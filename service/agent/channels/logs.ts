import { NOT_OF_THE_AGENT } from "../attended-claw.ts";
import { type ChannelContext, type ChannelHandler, sendFrom } from "./channel.ts";

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
  const follower = open.follow
    ? log.follow(
        (appended) => sendFrom(ctx, follower as NonNullable<typeof follower>, appended),
        () => ctx.end({ error: "the log was rotated before its reader had taken it; follow it again" }),
      )
    : undefined;
  let isClosed = false;
  const sendTail = async () => {
    for (let at = 0; at < text.length && !isClosed; at += PIECE_CHARS) {
      const room = ctx.send(text.slice(at, at + PIECE_CHARS));
      await room;
    }
    if (follower) {
      follower.resume();
    } else {
      ctx.end();
    }
  };
  follower?.pause();
  void sendTail();
  return {
    closed: () => {
      isClosed = true;
      follower?.close();
    },
  };
}
