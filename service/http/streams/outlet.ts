import type { FastifyReply } from "fastify";
import type { WebSocket } from "ws";
import { ClawError, HEARTBEAT_MS } from "../../../sdk/contract/index.ts";
import type { Tallies } from "../../domain/tallies.ts";
import { toProblem } from "../plugins/problem.ts";
import { sendFrame } from "../sockets.ts";
import { refuse } from "./close-stream.ts";

/** What a stream of items carries. */
export interface Item {
  readonly type: string;
  readonly position?: string | undefined;
  readonly seq?: number | undefined;
}

/** Something that stays open between a client and us. */
export interface OpenStream {
  /** Ends it, and says why. */
  fail(error: unknown): void;
  /** @param listener is told whether the other side ended it, and did not just go away */
  onClose(listener: (isLeft: boolean) => void): void;
}

/** Where the items of a stream go. */
export interface Outlet extends OpenStream {
  /** Resolves when it has left this process: whoever reads slowly is waited for. */
  send<T extends Item>(item: T): Promise<void>;
  /** Ends it as it should: nothing more will come. */
  end(): Promise<void>;
  /** From now on says that it is open when nothing else is said. */
  beat(): void;
  readonly closed: Promise<void>;
}

/** How a WebSocket is closed by somebody who wants no more of it. */
const LEFT = 1000;

/** Ends a stream that can't be made a sequence of items: a terminal, a connection. */
export function openSocket(socket: WebSocket): OpenStream {
  return { fail: (error) => refuse(socket, error), onClose: (listener) => void socket.once("close", (code) => listener(code === LEFT)) };
}

/** Counts what is said by it, other than that it is open. */
export function counted(outlet: Outlet, kind: string, tallies: Pick<Tallies, "count">): Outlet {
  return {
    ...outlet,
    send(item) {
      if (item.type !== "heartbeat") {
        tallies.count("claw_stream_frames_total", { kind });
      }
      if (item.type === "gap") {
        tallies.count("claw_stream_gaps_total", { kind });
      }
      return outlet.send(item);
    },
  };
}

/** Items as text frames of a WebSocket. */
export function socketOutlet(socket: WebSocket): Outlet {
  const closed = new Promise<void>((resolve) => socket.once("close", resolve));
  let heartbeat: NodeJS.Timeout | undefined;
  void closed.then(() => clearInterval(heartbeat));
  const send = (item: Item) => sendFrame(socket, JSON.stringify(item));
  return {
    ...openSocket(socket),
    closed,
    send,
    beat() {
      // A browser can't see the protocol's own pings.
      heartbeat ??= setInterval(() => socket.bufferedAmount === 0 && send({ type: "heartbeat" }), HEARTBEAT_MS);
    },
    async end() {
      await send({ type: "end" });
      socket.close(LEFT);
    },
  };
}

/** How soon a browser comes again when a stream has broken off. */
const RETRY_MS = 1_000;

/** Items as server-sent events. Until the first there is none, and a failure is answered as of any other request. */
export function eventOutlet(reply: FastifyReply): Outlet {
  const { raw } = reply;
  const closed = new Promise<void>((resolve) => raw.once("close", resolve));
  let heartbeat: NodeJS.Timeout | undefined;
  void closed.then(() => clearInterval(heartbeat));
  const begin = () => {
    reply.hijack();
    raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      // Proxies that keep answers until they are whole would keep this one for ever.
      "x-accel-buffering": "no",
    });
    raw.write(`retry: ${RETRY_MS}\n\n`);
  };
  const write = (text: string): Promise<void> =>
    new Promise((resolve) => {
      if (!raw.headersSent) {
        begin();
      }
      raw.write(text, () => resolve());
    });
  const send = (item: Item) => {
    const id = item.position ?? item.seq;
    return write(`${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(item)}\n\n`);
  };
  return {
    closed,
    send,
    onClose: (listener) => void closed.then(() => listener(false)),
    beat() {
      heartbeat ??= setInterval(() => raw.headersSent && !raw.writableNeedDrain && send({ type: "heartbeat" }), HEARTBEAT_MS);
    },
    async end() {
      await send({ type: "end" });
      raw.end();
    },
    fail(error) {
      if (!raw.headersSent) {
        void reply.send(error);
        return;
      }
      const problem = error instanceof ClawError ? error : new ClawError("service.internal", "something went wrong on our side");
      void write(`event: problem\ndata: ${JSON.stringify(toProblem(problem, reply.request.id))}\n\n`).then(() => raw.end());
    },
  };
}
