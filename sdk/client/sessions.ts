import type { ChatEvent } from "../contract/index.ts";
import { ConnectionError } from "./errors.ts";
import { assertPassing } from "./resume.ts";
import type { Socket } from "./socket.ts";
import { backoffMs, pause, randomKey } from "./transport.ts";

/** A conversation with an instance, one turn at a time. */
export interface Chat {
  /**
   * Sends a message. @returns what comes back: deltas, then one `done` or `error`. When the connection breaks off in an answer, it goes on where it
   * was; a `gap` says where something of it is missing
   */
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

/** How long it is tried to come back to an answer that broke off: for as long as it is kept, less a little. */
const PATIENCE_MS = 240_000;
/** The service says something every 15 seconds. */
const SILENCE_MS = 38_000;

/** An answer that is under way. */
interface Turn {
  readonly name: string;
  readonly text: string;
  /** Number of the last event that came. */
  seq: number;
}

/**
 * A conversation over sockets: when one breaks off in an answer, another goes on with it behind the last event. @param open opens one
 * @param first the one that is open
 */
export function chatOver(first: Socket, session: string | undefined, open: () => Promise<Socket>, signal: AbortSignal | undefined): Chat {
  let socket = first;
  let frames = first[Symbol.asyncIterator]();
  let current: Turn | undefined;
  let isClosed = false;
  const say = (frame: object) => socket.send(JSON.stringify({ ...frame, ...(session === undefined ? {} : { session }) }));
  const ask = ({ name: turn, text, seq: after }: Turn, again = false) =>
    say(after === 0 ? { type: "message", text, turn, ...(again && { again }) } : { type: "resume", turn, after });
  const comeBack = async (turn: Turn, failure: Error): Promise<void> => {
    for (let attempt = 0, since = Date.now(); ; attempt++) {
      if (isClosed || Date.now() - since > PATIENCE_MS) {
        throw failure;
      }
      await pause(backoffMs(attempt), signal);
      try {
        socket = await open();
        socket.giveUpAfter(SILENCE_MS);
        frames = socket[Symbol.asyncIterator]();
        ask(turn, true);
        return;
      } catch (error) {
        failure = assertPassing(error);
      }
    }
  };
  const nextFrame = async (): Promise<IteratorResult<string | Uint8Array, void> | Error> => {
    try {
      const frame = await frames.next();
      return frame.done ? new ConnectionError("the conversation ended before the answer was complete") : frame;
    } catch (error) {
      return assertPassing(error);
    }
  };
  const nextEvent = async (turn: Turn): Promise<ChatEvent> => {
    for (;;) {
      const frame = await nextFrame();
      if (frame instanceof Error) {
        // An answer without numbers is one that nobody can go on with.
        if (isClosed || turn.seq < 0) {
          throw frame;
        }
        await comeBack(turn, frame);
      } else {
        const event = toChatEvent(frame.value ?? "");
        if (event) {
          const { seq } = event;
          turn.seq = seq ?? (event.type === "delta" ? -1 : turn.seq);
          current = event.type === "done" || event.type === "error" ? undefined : turn;
          return event;
        }
      }
    }
  };
  return {
    async *send(text) {
      // The rest of an answer that its reader left early.
      while (current) {
        await nextEvent(current);
      }
      const turn = { name: randomKey(), text, seq: 0 };
      current = turn;
      socket.giveUpAfter(SILENCE_MS);
      try {
        ask(turn);
      } catch (error) {
        // It was lost while nothing was said.
        await comeBack(turn, assertPassing(error));
      }
      while (current === turn) {
        yield await nextEvent(turn);
      }
    },
    close: () => {
      isClosed = true;
      socket.close();
    },
  };
}

/** By hand: the schema would load zod. @returns nothing for what is only a sign of life @throws {ConnectionError} when it is no event */
function toChatEvent(frame: string | Uint8Array): ChatEvent | undefined {
  try {
    const { type, text, message, usage } = JSON.parse(String(frame)) as Partial<Record<string, unknown>>;
    const isUsage = usage === undefined || (typeof usage === "object" && usage !== null);
    if (type === "heartbeat") {
      return undefined;
    }
    if (
      (type === "delta" && typeof text === "string") ||
      ((type === "error" || type === "gap") && typeof message === "string") ||
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
