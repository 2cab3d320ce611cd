import { connect } from "node:net";
import { type ChannelContext, type ChannelHandler, runningPort, sendFrom } from "./channel.ts";

/** A TCP connection to the claw's port, whose client signs in by a pass where there is one and the claw is known to have a sign-in. */
export async function openTcp(ctx: ChannelContext, { pass }: { readonly pass?: string | undefined }): Promise<ChannelHandler> {
  const port = runningPort(ctx);
  if (port === undefined) {
    return { closed: () => {} };
  }
  const token = ctx.claw.configCheck?.token;
  if (pass !== undefined && token !== undefined) {
    const { openSignedIn } = await import("./signed-in.ts");
    return openSignedIn(ctx, port, { pass, token });
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
