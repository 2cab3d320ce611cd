import { connect } from "node:net";
import { type ChannelContext, type ChannelHandler, runningPort, throttle } from "./channel.ts";

/** What the claw has not read yet. The protocol has no window, so a claw that reads too slowly ends the channel. */
const UNREAD_BYTES_MAX = 16 * 1024 * 1024;

/** A TCP connection to the claw's port. */
export function openTcp(ctx: ChannelContext): ChannelHandler {
  const port = runningPort(ctx);
  if (port === undefined) {
    return { closed: () => {} };
  }
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  const throttled = throttle(ctx, socket);
  socket.on("data", (bytes) => {
    ctx.send(bytes.toString("base64"));
    throttled.check();
  });
  socket.on("error", (err) => ctx.end({ error: `the instance's port: ${err.message}` }));
  socket.on("close", () => {
    throttled.close();
    ctx.end();
  });
  return {
    data(data) {
      socket.write(Buffer.from(data, "base64"));
      if (socket.writableLength > UNREAD_BYTES_MAX) {
        ctx.end({ error: "the instance reads too slowly" });
        socket.destroy();
      }
    },
    closed() {
      throttled.close();
      // What was sent before the close still reaches the claw.
      socket.end();
      socket.setTimeout(5_000, () => socket.destroy());
    },
  };
}
