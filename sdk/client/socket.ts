import { ClawClientError, ConnectionError, toApiError } from "./errors.ts";
import { abortError, apiUrl, currentToken, identityHeaders, reasonOf, type TransportOptions, type WebSocketLike } from "./transport.ts";

/** A token that is renewed in its last minute reaches the other side in time. */
const RENEWAL_MS = 15_000;
const OPEN = 1;
const STREAM_ERROR_CLOSE = 4000;
const UNAUTHENTICATED_CLOSE = STREAM_ERROR_CLOSE + 401;
/** How much may wait for a slow reader. Sockets of this kind can't be paused: past this the stream ends with an error. */
const QUEUE_BYTES_MAX = 64 * 1024 * 1024;

/** A WebSocket whose messages are an async sequence, and whose failures are typed errors. */
export class Socket implements AsyncIterable<string | Uint8Array> {
  readonly #ws: WebSocketLike;
  /** The one that it was opened with. */
  readonly #token: string | undefined;
  readonly #queue: (string | Uint8Array)[] = [];
  #queuedBytes = 0;
  #end: { readonly error?: Error } | undefined;
  #wake: () => void = () => {};
  #onMessage: () => void = () => {};
  #onClose: () => void = () => {};

  /** @throws {ClawClientError} when the runtime has no WebSocket */
  static async open(
    config: TransportOptions,
    path: string,
    query: Readonly<Record<string, unknown>>,
    signal: AbortSignal | undefined,
  ): Promise<Socket> {
    const token = await currentToken(config);
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(abortError(signal));
        return;
      }
      const ws = dial(config, token, path, query);
      const socket = new Socket(ws, config, token, signal);
      ws.addEventListener("open", () => resolve(socket));
      ws.addEventListener("close", () => reject(socket.#end?.error ?? brokenOff(config.url)));
    });
  }

  private constructor(ws: WebSocketLike, { url, token }: TransportOptions, opened: string | undefined, signal: AbortSignal | undefined) {
    this.#ws = ws;
    this.#token = opened;
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
      this.#onMessage();
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
    ws.addEventListener("close", ({ code = 1006, reason = "" }) => {
      signal?.removeEventListener("abort", onAbort);
      this.#onClose();
      // With a token that is renewed, the stream can be opened again: whether it may be is found out there.
      const ranOut = code === UNAUTHENTICATED_CLOSE && typeof token === "function";
      const error = ranOut ? brokenOff(url, "its token ran out") : closeError(url, code, reason);
      finish(error ? { error } : {});
    });
  }

  /** Ends it with an error when nothing comes for so long. A connection whose other side has gone says nothing by itself. */
  giveUpAfter(silenceMs: number): void {
    this.#onClose();
    const giveUp = () => {
      this.#end ??= { error: new ConnectionError(`nothing was heard of the stream for ${silenceMs / 1000} s`) };
      this.#wake();
      this.#ws.close();
    };
    let timer = setTimeout(giveUp, silenceMs);
    this.#onMessage = () => {
      clearTimeout(timer);
      timer = setTimeout(giveUp, silenceMs);
    };
    this.#onClose = () => {
      clearTimeout(timer);
      this.#onMessage = () => {};
    };
  }

  /** Tells the other side of each token that is renewed, until it ends: it would end with the one that it was opened with. */
  keepRenewed({ token }: Pick<TransportOptions, "token">): void {
    if (typeof token !== "function") {
      return;
    }
    let told = this.#token;
    const timer = setInterval(async () => {
      // Without one now the next may be there in time; past its end the other side says so.
      const now = await token().catch(() => undefined);
      if (now !== undefined && now !== told && this.#ws.readyState === OPEN) {
        told = now;
        this.send(JSON.stringify({ token: now }));
      }
    }, RENEWAL_MS);
    this.#ws.addEventListener("close", () => clearInterval(timer));
  }

  get bufferedBytes(): number {
    return this.#ws.readyState === OPEN ? this.#ws.bufferedAmount : 0;
  }

  send(data: string | Uint8Array): void {
    if (this.#ws.readyState !== OPEN) {
      throw this.#end?.error ?? new ConnectionError("the stream is closed");
    }
    this.#ws.send(data as string | Uint8Array<ArrayBuffer>);
  }

  close(): void {
    this.#onClose();
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

/** The second argument of a WebSocket: headers for those that take them, protocols for those that follow the standard to the letter. */
type Dial = new (url: string, init: { readonly headers: Record<string, string> } | readonly string[]) => WebSocketLike;

/** Those of Node, Bun, Deno and `ws` take headers. A browser's does not: there the token goes as a subprotocol and the tenant in the query. */
function dial(config: TransportOptions, token: string | undefined, path: string, query: Readonly<Record<string, unknown>>): WebSocketLike {
  if (!config.WebSocket) {
    throw new ClawClientError(
      "streams need a WebSocket, and this runtime has none: npm install ws, then new Claw({ WebSocket: (await import('ws')).WebSocket })",
    );
  }
  const Ws = config.WebSocket as unknown as Dial;
  const url = (more: Readonly<Record<string, unknown>>) => apiUrl(config.url, path, { ...query, ...more }).href.replace(/^http/, "ws");
  try {
    return new Ws(url({}), { headers: identityHeaders(token, config.tenant) });
  } catch {
    // The standard reads headers as a protocol with an impossible name.
  }
  try {
    return new Ws(url({ tenant: config.tenant }), token ? [`bearer.${token}`] : []);
  } catch (cause) {
    throw new ClawClientError(`the stream can't be opened: ${reasonOf(cause)}`, { cause });
  }
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
