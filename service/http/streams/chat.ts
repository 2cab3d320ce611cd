import type { WebSocket } from "ws";
import {
  type ChannelOpen,
  type ChatEvent,
  ChatEventSchema,
  type ChatRequest,
  ChatRequestSchema,
  ClawError,
  parseJson,
  redact,
} from "../../../sdk/contract/index.ts";
import type { AgentChannel } from "../../application/ports/instances/agents.ts";
import { readFrames, sendFrame } from "../sockets.ts";
import { refuse } from "./close-stream.ts";

/** Messages of one chat that may wait for those before them; then no more are read. */
const MESSAGES_WAITING_MAX = 8;

/** Gives a message to the instance, whose answer comes over the channel. */
type OpenChat = (message: Extract<ChannelOpen, { channel: "chat" }>) => Promise<AgentChannel>;

/** One turn at a time: a message that comes while one is answered waits for its end. */
export async function serveChat(socket: WebSocket, open: OpenChat): Promise<void> {
  let last: Promise<void> = Promise.resolve();
  let waiting = 0;
  const tell = (event: ChatEvent) => sendFrame(socket, JSON.stringify(event));
  const answer = async (message: ChatRequest): Promise<void> => {
    if (socket.readyState !== socket.OPEN) {
      return;
    }
    await converse(socket, await open({ channel: "chat", message: message.text, session: message.session ?? "default" }));
  };
  const take = (data: Buffer, isBinary: boolean): Promise<void> | undefined => {
    const message = ChatRequestSchema.safeParse(isBinary ? undefined : parseJson(data.toString()));
    if (!message.success) {
      const [issue] = message.error.issues;
      return tell({
        type: "error",
        message: `send {"type":"message","text":"…"}: ${issue?.path.join(".") || "the frame"}: ${issue?.message}`,
      });
    }
    const before = last;
    waiting++;
    last = before
      .then(() => answer(message.data))
      .catch((error: unknown) => tell({ type: "error", message: error instanceof ClawError ? redact(error.message) : "internal error" }))
      .finally(() => waiting--);
    return waiting > MESSAGES_WAITING_MAX ? before : undefined;
  };
  await readFrames(socket, take, (error) => refuse(socket, error));
}

/** Relays the answer to one message. Resolves when it is complete, or nobody waits for it any more. */
function converse(socket: WebSocket, channel: AgentChannel): Promise<void> {
  return new Promise((resolve) => {
    const tell = (event: ChatEvent) => sendFrame(socket, JSON.stringify(event));
    let hasEnded = false;
    const abandon = () => {
      channel.close();
      resolve();
    };
    const end = () => {
      socket.off("close", abandon);
      resolve();
    };
    socket.once("close", abandon);
    if (socket.readyState > socket.OPEN) {
      abandon();
    }
    channel.onData((text) => {
      const event = ChatEventSchema.safeParse(parseJson(text));
      if (hasEnded) {
        return undefined;
      }
      if (!event.success) {
        hasEnded = true;
        channel.close();
        end();
        return tell({ type: "error", message: "the instance's agent answered what is no chat event" });
      }
      hasEnded = event.data.type !== "delta";
      return sendFrame(socket, text);
    });
    channel.onClose(({ error }) => {
      if (!hasEnded) {
        void tell({ type: "error", message: redact(error ?? "the answer broke off") });
      }
      end();
    });
  });
}
