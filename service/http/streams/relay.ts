import type { WebSocket } from "ws";
import { ClawError, parseJson, type Stream, StreamTokenSchema, TerminalSizeSchema } from "../../../sdk/contract/index.ts";
import type { AgentChannel } from "../../application/ports/instances/agents.ts";
import { sendFrame } from "../sockets.ts";
import { closeReason } from "./close-stream.ts";

/** Keeps an agent's frames far below any limit of its side. */
const PIECE_BYTES = 48 * 1024;

/** What comes from a client: something for the channel, or the token that stands for the stream from now on. */
export type Taken = { readonly give: (channel: AgentChannel) => Promise<void> | undefined } | { readonly token: string };

/** What a client's frame is. @throws {ClawError} `request.invalid` for one that the stream does not take */
export function takenOf({ receives }: Stream, data: Buffer, isBinary: boolean): Taken {
  if (isBinary) {
    return { give: (channel) => sendBytes(channel, data) };
  }
  const text = parseJson(data.toString());
  const renewal = StreamTokenSchema.safeParse(text);
  if (renewal.success) {
    return renewal.data;
  }
  const resizes = receives !== StreamTokenSchema;
  const size = resizes ? TerminalSizeSchema.safeParse(text) : undefined;
  if (!size?.success) {
    const taken = ["binary frames", ...(resizes ? ['text frames {"cols":80,"rows":24}'] : [])];
    throw new ClawError("request.invalid", `a frame can't be read: this stream takes ${taken.join(" and ")}`);
  }
  return {
    give(channel) {
      channel.resize(size.data.cols, size.data.rows);
      return undefined;
    },
  };
}

/** Gives the channel what may be longer than a frame. @returns when to go on, if not at once */
export function sendBytes(channel: AgentChannel, data: Buffer): Promise<void> | undefined {
  const room = channel.send(data.subarray(0, PIECE_BYTES).toString("base64"));
  const rest = data.subarray(PIECE_BYTES);
  return rest.length === 0 ? room : Promise.resolve(room).then(() => sendBytes(channel, rest));
}

export function pipe(socket: WebSocket, channel: AgentChannel, onFrame: () => void): void {
  let sent = Promise.resolve();
  channel.onData((data) => {
    onFrame();
    sent = sendFrame(socket, Buffer.from(data, "base64"));
    return sent;
  });
  channel.onClose(async ({ error, exitCode }) => {
    // A socket that closes is given up after a while: a slow reader would lose the end.
    await sent;
    socket.close(error === undefined ? 1000 : 1011, closeReason(error ?? (exitCode === undefined ? "" : `exit code ${exitCode}`)));
  });
}
