import type { ChatEvent } from "../contract/index.ts";
import { ConnectionError } from "./errors.ts";
import type { Socket } from "./socket.ts";
import { pause } from "./transport.ts";

/** A conversation with an instance, one turn at a time. */
export interface Chat {
  /** Sends a message. @returns what comes back: deltas, then one `done` or `error` */
  send(text: string): AsyncGenerator<ChatEvent, void, undefined>;
  close(): void;
}

/** A raw byte stream to an instance. Iterating over it gives what the instance sends, until it ends. */
export interface Duplex extends AsyncIterable<Uint8Array> {
  /** Resolves when the connection can take more. */
  send(bytes: Uint8Array): Promise<void>;
  close(): void;
}

/** A terminal inside an instance. */
export interface Terminal extends Duplex {
  resize(cols: number, rows: number): void;
}

/** How much may wait in the socket before `send` holds the sender back. */
const SEND_BUFFER_BYTES = 1024 * 1024;

/** A conversation whose frames go over a socket. */
export function chatOver(socket: Socket, session: string | undefined): Chat {
  const frames = socket[Symbol.asyncIterator]();
  let turns = 0;
  const nextEvent = async (): Promise<ChatEvent> => {
    const frame = await frames.next();
    if (frame.done) {
      throw new ConnectionError("the conversation ended before the answer was complete");
    }
    const event = toChatEvent(frame.value);
    turns -= event.type === "delta" ? 0 : 1;
    return event;
  };
  return {
    async *send(text) {
      // The rest of an answer that its reader left early.
      while (turns > 0) {
        await nextEvent();
      }
      turns++;
      socket.send(JSON.stringify({ type: "message", text, ...(session === undefined ? {} : { session }) }));
      while (turns > 0) {
        yield await nextEvent();
      }
    },
    close: () => socket.close(),
  };
}

/** By hand: the schema would load zod. @throws {ConnectionError} when it is no event */
function toChatEvent(frame: string | Uint8Array): ChatEvent {
  try {
    const { type, text, message, usage } = JSON.parse(String(frame)) as Partial<Record<string, unknown>>;
    const isUsage = usage === undefined || (typeof usage === "object" && usage !== null);
    if (
      (type === "delta" && typeof text === "string") ||
      (type === "error" && typeof message === "string") ||
      (type === "done" && isUsage)
    ) {
      return JSON.parse(String(frame)) as ChatEvent;
    }
  } catch {
    // It is said below.
  }
  throw new ConnectionError("what came on the stream is no chat event");
}

/** Bytes both ways over a socket. */
export function duplexOver(socket: Socket): Duplex {
  return {
    async send(bytes) {
      socket.send(bytes);
      // Sockets of this kind have no drain event.
      while (socket.bufferedBytes > SEND_BUFFER_BYTES) {
        await pause(5, undefined);
      }
    },
    close: () => socket.close(),
    async *[Symbol.asyncIterator]() {
      for await (const frame of socket) {
        yield typeof frame === "string" ? new TextEncoder().encode(frame) : frame;
      }
    },
  };
}
