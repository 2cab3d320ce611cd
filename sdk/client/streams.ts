import type { ChatEvent, ClawInstance, webSockets } from "../contract/index.ts";
import { ConnectionError, NotFoundError, toApiError } from "./errors.ts";
import { abortError, apiUrl, identityHeaders, pause, type TransportOptions } from "./transport.ts";
import type { Api } from "./types.ts";

interface StreamOptions {
  /** Closes the stream; iterating over it then throws a {@link UserAbortError}. */
  readonly signal?: AbortSignal | undefined;
}

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

/** What `claw.instances` has besides the routes: the streams, and a watch. */
export interface InstanceStreams {
  /** Opens a conversation. `session` keeps turns together over several streams. @default session "default" */
  chat(id: string, options?: StreamOptions & { readonly session?: string | undefined }): Promise<Chat>;
  /** The last `tailLines` log lines, then each line as it is written. */
  followLogs(id: string, options?: StreamOptions & { readonly tailLines?: number }): AsyncGenerator<string, void>;
  /** Opens a terminal inside the instance. */
  terminal(id: string, size: { cols: number; rows: number }, options?: StreamOptions): Promise<Terminal>;
  /** Opens a TCP connection to the instance's port through the control plane. */
  connect(id: string, options?: StreamOptions): Promise<Duplex>;
  /** The instance now and after each change, until it is gone. @throws {NotFoundError} when there is none to begin with */
  watch(id: string, options?: StreamOptions & { readonly intervalMs?: number }): AsyncGenerator<ClawInstance, void, undefined>;
}

/** Held to the contract by the compiler, as the operation table is: importing the value would load zod. */
const paths: { readonly [K in keyof typeof webSockets]: (typeof webSockets)[K]["path"] } = {
  stream: "/instances/:id/stream",
  logs: "/instances/:id/logs/stream",
  console: "/instances/:id/console/stream",
  connect: "/instances/:id/connect",
};
const STREAM_ERROR_CLOSE = 4000;
/** How much may wait in the socket before `send` holds the sender back. */
const SEND_BUFFER_BYTES = 1024 * 1024;
/** How much may wait for a slow reader. Sockets of this kind can't be paused: past this the stream ends with an error. */
const QUEUE_BYTES_MAX = 64 * 1024 * 1024;

/** The streams of instances, over the same settings and credentials as the routes. */
export function instanceStreams(config: TransportOptions, instances: Api["instances"]): InstanceStreams {
  const open = async (id: string, path: string, query: Record<string, unknown>, signal: AbortSignal | undefined) => {
    try {
      return await Socket.open(config, path.replace(":id", encodeURIComponent(id)), query, signal);
    } catch (error) {
      // A browser-style socket hides the status of a refused handshake: the instance's own route tells it.
      await instances.get(id, { signal });
      throw error;
    }
  };
  return {
    async chat(id, { session, signal } = {}) {
      return chatOver(await open(id, paths.stream, {}, signal), session);
    },
    async *followLogs(id, { tailLines, signal } = {}) {
      const socket = await open(id, paths.logs, { tailLines }, signal);
      try {
        for await (const frame of socket) {
          yield typeof frame === "string" ? frame : new TextDecoder().decode(frame);
        }
      } finally {
        socket.close();
      }
    },
    async terminal(id, size, { signal } = {}) {
      const { url } = await instances.console(id, size, { signal });
      const { pathname, searchParams } = new URL(url, config.url);
      const path = pathname.replace(/^.*\/api\/v1/, "");
      const socket = await open(id, path, { ...size, ...Object.fromEntries(searchParams) }, signal);
      return {
        ...duplexOver(socket),
        resize: (cols, rows) => socket.send(JSON.stringify({ cols, rows })),
      };
    },
    async connect(id, { signal } = {}) {
      return duplexOver(await open(id, paths.connect, {}, signal));
    },
    async *watch(id, { intervalMs = 1000, signal } = {}) {
      let last: string | undefined;
      for (;;) {
        let instance: ClawInstance;
        try {
          instance = await instances.get(id, { signal });
        } catch (error) {
          if (last !== undefined && error instanceof NotFoundError) {
            return;
          }
          throw error;
        }
        const text = JSON.stringify(instance);
        if (text !== last) {
          last = text;
          yield instance;
        }
        await pause(intervalMs, signal);
      }
    },
  };
}

function chatOver(socket: Socket, session: string | undefined): Chat {
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

function duplexOver(socket: Socket): Duplex {
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

/** A WebSocket whose messages are an async sequence, and whose failures are typed errors. */
class Socket implements AsyncIterable<string | Uint8Array> {
  readonly #ws: WebSocket;
  readonly #queue: (string | Uint8Array)[] = [];
  #queuedBytes = 0;
  #end: { readonly error?: Error } | undefined;
  #wake: () => void = () => {};

  static open(
    config: TransportOptions,
    path: string,
    query: Readonly<Record<string, unknown>>,
    signal: AbortSignal | undefined,
  ): Promise<Socket> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(abortError(signal));
        return;
      }
      const ws = dial(config, path, query);
      const socket = new Socket(ws, signal);
      ws.addEventListener("open", () => resolve(socket), { once: true });
      ws.addEventListener("close", () => reject(socket.#end?.error ?? brokenOff(config.url)), { once: true });
    });
  }

  private constructor(ws: WebSocket, signal: AbortSignal | undefined) {
    this.#ws = ws;
    ws.binaryType = "arraybuffer";
    const finish = (end: { readonly error?: Error }) => {
      this.#end ??= end;
      this.#wake();
    };
    const onAbort = () => {
      finish({ error: abortError(signal) });
      ws.close();
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    ws.addEventListener("message", ({ data }) => {
      if (this.#end) {
        return;
      }
      const frame = typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer);
      this.#queue.push(frame);
      this.#queuedBytes += frame.length;
      if (this.#queuedBytes > QUEUE_BYTES_MAX) {
        finish({ error: new ConnectionError(`the stream was given up: more than ${QUEUE_BYTES_MAX / 2 ** 20} MiB waited to be read`) });
        ws.close();
      }
      this.#wake();
    });
    ws.addEventListener("error", () => {});
    ws.addEventListener("close", ({ code, reason }) => {
      signal?.removeEventListener("abort", onAbort);
      const error = closeError(ws.url, code, reason);
      finish(error ? { error } : {});
    });
  }

  get bufferedBytes(): number {
    return this.#ws.readyState === WebSocket.OPEN ? this.#ws.bufferedAmount : 0;
  }

  send(data: string | Uint8Array): void {
    if (this.#ws.readyState !== WebSocket.OPEN) {
      throw this.#end?.error ?? new ConnectionError("the stream is closed");
    }
    this.#ws.send(data as string | Uint8Array<ArrayBuffer>);
  }

  close(): void {
    this.#end ??= {};
    this.#wake();
    this.#ws.close(1000);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string | Uint8Array, void, undefined> {
    for (;;) {
      const frame = this.#queue.shift();
      if (frame !== undefined) {
        this.#queuedBytes -= frame.length;
        yield frame;
      } else if (this.#end) {
        if (this.#end.error) {
          throw this.#end.error;
        }
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

/** Node's WebSocket takes headers; a browser's does not, so there the token goes as a subprotocol and the tenant in the query. */
function dial(config: TransportOptions, path: string, query: Readonly<Record<string, unknown>>): WebSocket {
  const isBrowser = "document" in globalThis;
  const url = apiUrl(config.url, path, isBrowser ? { ...query, tenant: config.tenant } : query);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  if (isBrowser) {
    return new WebSocket(url, config.token === undefined ? [] : [`bearer.${config.token}`]);
  }
  return new WebSocket(url, { headers: identityHeaders(config) });
}

function closeError(url: string, code: number, reason: string): Error | undefined {
  if (code === 1000 || code === 1001 || code === 1005) {
    return undefined;
  }
  if (code > STREAM_ERROR_CLOSE) {
    const [, errorCode, detail] = /^([a-z_]+\.[a-z_]+): (.*)$/s.exec(reason) ?? [];
    return toApiError(code - STREAM_ERROR_CLOSE, {
      detail: detail ?? reason,
      ...(errorCode === undefined ? {} : { code: errorCode }),
    });
  }
  return brokenOff(url, reason || `close code ${code}`);
}

function brokenOff(url: string, reason = "the handshake failed"): ConnectionError {
  return new ConnectionError(`the stream to ${new URL(url).host} broke off: ${reason}`);
}
