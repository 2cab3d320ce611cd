import type { WebSocket } from "ws";
import {
  type ChannelOpen,
  type ChatEvent,
  ChatEventSchema,
  type ChatRequest,
  ChatRequestSchema,
  ClawError,
  endsTurn,
  parseJson,
  redact,
} from "../../../sdk/contract/index.ts";
import type { AgentChannel } from "../../application/ports/instances/agents.ts";
import { readFrames } from "../sockets.ts";
import type { Outlet } from "./outlet.ts";

/** Messages of one chat that may wait for those before them; then no more are read. */
const MESSAGES_WAITING_MAX = 8;

/** Gives a message to the instance, whose answer comes over the channel. @param session what whoever asks calls it */
type OpenChat = (message: Extract<ChannelOpen, { channel: "chat" }>, session: string) => Promise<AgentChannel>;

export interface ChatOptions {
  readonly open: OpenChat;
  /** What a session is called at the claw. @throws {ClawError} `auth.forbidden` for one that whoever asks may not take part in */
  readonly sessionKey: (session: string) => Promise<string>;
}

/** One turn at a time: a message that comes while one is answered waits for its end. */
export async function serveChat(socket: WebSocket, outlet: Outlet, options: ChatOptions): Promise<void> {
  let last: Promise<void> = Promise.resolve();
  let waiting = 0;
  const tell = (event: ChatEvent) => outlet.send(event);
  const take = (data: Buffer, isBinary: boolean): Promise<void> | undefined => {
    const message = ChatRequestSchema.safeParse(isBinary ? undefined : parseJson(data.toString()));
    if (!message.success) {
      const [issue] = message.error.issues;
      return tell({
        type: "error",
        message: `send {"type":"message","text":"…"}: ${issue?.path.join(".") || "the frame"}: ${issue?.message}`,
      });
    }
    if (message.data.turn !== undefined) {
      // Whoever names turns knows what else there is.
      outlet.beat();
    }
    const before = last;
    waiting++;
    last = before
      .then(() => (socket.readyState === socket.OPEN ? answerOver(outlet, message.data, options) : undefined))
      .catch((error: unknown) =>
        isUnderWay(message.data) && error instanceof ClawError && error.code === "instance.unreachable"
          ? outlet.fail(error)
          : tell({ type: "error", message: error instanceof ClawError ? redact(error.message) : "internal error" }),
      )
      .finally(() => waiting--);
    return waiting > MESSAGES_WAITING_MAX ? before : undefined;
  };
  await readFrames(socket, take, (error) => outlet.fail(error));
}

/** Whether it may be answered meanwhile, by an agent that is not back yet: an error would end the answer for who waits for it. */
function isUnderWay(request: ChatRequest): boolean {
  return request.type === "resume" || request.again === true;
}

/** Gives a message to the instance and relays the answer, or goes on with one. Resolves when it is complete, or nobody waits for it any more. */
export async function answerOver(outlet: Outlet, request: ChatRequest, { open, sessionKey }: ChatOptions): Promise<void> {
  const { session: name = "default" } = request;
  const session = await sessionKey(name);
  const asked =
    request.type === "message"
      ? { message: request.text, ...(request.turn !== undefined && { turn: request.turn }) }
      : { message: "", turn: request.turn, after: request.after };
  await converse(outlet, await open({ channel: "chat", session, ...asked }, name), request.turn !== undefined);
}

function converse(outlet: Outlet, channel: AgentChannel, isNamed: boolean): Promise<void> {
  return new Promise((resolve) => {
    let hasEnded = false;
    let isDone = false;
    let sent: Promise<void> = Promise.resolve();
    outlet.onClose((isLeft) => {
      if (!isDone) {
        channel.close({ keep: !isLeft });
        resolve();
      }
    });
    const end = () => {
      isDone = true;
      void sent.then(resolve);
    };
    channel.onData((text) => {
      const event = ChatEventSchema.safeParse(parseJson(text));
      if (hasEnded) {
        return undefined;
      }
      if (!event.success) {
        hasEnded = true;
        channel.close();
        sent = outlet.send({ type: "error", message: "the instance's agent answered what is no chat event" });
        end();
        return sent;
      }
      hasEnded = endsTurn(event.data);
      sent = outlet.send(event.data);
      return sent;
    });
    channel.onClose(({ error, isLost }) => {
      if (!hasEnded && isLost && isNamed) {
        // The answer goes on at the agent, for who comes back.
        outlet.fail(new ClawError("instance.unreachable", error ?? "the agent's connection was lost"));
      } else if (!hasEnded) {
        sent = outlet.send({ type: "error", message: redact(error ?? "the answer broke off") });
      }
      end();
    });
  });
}
