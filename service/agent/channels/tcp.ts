import { connect } from "node:net";
import { type ChannelContext, type ChannelHandler, runningPort, sendFrom } from "./channel.ts";

/** A TCP connection to the claw's port. */
export function openTcp(ctx: ChannelContext): ChannelHandler {
  const port = runningPort(ctx);
  if (port === undefined) {
    return { closed: () => {} };
  }
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  socket.on("data", (bytes) => sendFrom(ctx, socket, bytes.toString("base64")));
  socket.on("error", (err) => ctx.end({ error: `the instance's port: ${err.message}` }));
  socket.on("close", () => ctx.end());
  return {
    data: (data) => new Promise((resolve) => socket.write(Buffer.from(data, "base64"), () => resolve())),
    closed() {
      // What was sent before the close still reaches the claw.
      socket.end();
      socket.setTimeout(5_000, () => socket.destroy());
    },
  };
}
