import { connect } from "node:net";
import { type ChannelContext, type ChannelHandler, runningPort, sendFrom } from "./channel.ts";
import { openHttp } from "./http.ts";

/** What the first line of a request has at most: Node's bound for all of its head. */
const LINE_BYTES_MAX = 16 * 1024;

/** A TCP connection to the claw's port, whose client signs in by a pass where there is one and the claw is known to have a sign-in. */
export function openTcp(ctx: ChannelContext, { pass }: { readonly pass?: string | undefined }): ChannelHandler {
  const port = runningPort(ctx);
  if (port === undefined) {
    return { closed: () => {} };
  }
  const token = ctx.claw.configCheck?.token;
  return pass !== undefined && token !== undefined ? openHttp(ctx, port, { pass, token }) : openBytes(ctx, port);
}

/** Bytes as they are, of any protocol; but HTTP is taken apart, since browsers send along what signs them in to a control plane on their own host. */
export function openBytes(ctx: Pick<ChannelContext, "send" | "end">, port: number): ChannelHandler {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  socket.on("data", (bytes) => sendFrom(ctx, socket, bytes.toString("base64")));
  socket.on("error", (err) => ctx.end({ error: `the instance's port: ${err.message}` }));
  socket.on("close", () => ctx.end());
  const write = (bytes: Buffer) => new Promise<void>((resolve) => socket.write(bytes, () => resolve()));
  let beginning: Buffer | undefined = Buffer.alloc(0);
  let http: ChannelHandler | undefined;
  return {
    data(data) {
      if (http) {
        return http.data?.(data);
      }
      const bytes = Buffer.from(data, "base64");
      if (!beginning) {
        return write(bytes);
      }
      beginning = Buffer.concat([beginning, bytes]);
      const isHttp = isRequest(beginning);
      if (isHttp === undefined) {
        return undefined;
      }
      const first = beginning;
      beginning = undefined;
      if (!isHttp) {
        return write(first);
      }
      socket.removeAllListeners().on("error", () => {});
      socket.destroy();
      http = openHttp(ctx, port);
      return http.data?.(first.toString("base64"));
    },
    closed() {
      if (http) {
        http.closed();
        return;
      }
      // What was sent before the close still reaches the claw.
      socket.end(beginning ?? "");
      socket.setTimeout(5_000, () => socket.destroy());
    },
  };
}

/** Whether what a client sends first is a request of HTTP/1; undefined as long as that can't be told. */
function isRequest(bytes: Buffer): boolean | undefined {
  const line = bytes.subarray(0, LINE_BYTES_MAX).toString("latin1");
  const end = line.indexOf("\n");
  if (end >= 0) {
    return /^[A-Z]+ [^ ]+ HTTP\/1\.\d\r?$/.test(line.slice(0, end));
  }
  return bytes.length < LINE_BYTES_MAX && /^[A-Z]*( [\x21-\xff]*( [HTP/1.\d]*\r?)?)?$/.test(line) ? undefined : false;
}
