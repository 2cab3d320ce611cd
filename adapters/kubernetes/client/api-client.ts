import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent, request as httpsRequest, type RequestOptions } from "node:https";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { PropertyMap } from "../../engine/contract/values.ts";
import { ApiError, UnreachableError } from "./api-errors.ts";
import type { Connection } from "./kubeconfig.ts";
import type { KubeObject } from "./objects.ts";
import { assertReachable, lookupReachable } from "./reachable-address.ts";

export interface Call {
  readonly method?: "GET" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: PropertyMap | PropertyMap[];
  readonly contentType?: string;
  /** In which form the answer is wanted. @default the object as it is */
  readonly accept?: string;
  readonly signal?: AbortSignal | undefined;
  /** How long the server may be silent. @default 60 seconds */
  readonly timeoutMs?: number;
  /** Over a connection of its own, rather than after those that wait for one: the others may hang. */
  readonly apart?: boolean;
}
export interface WatchEvent {
  readonly type: string;
  readonly object: KubeObject;
}

const REQUESTS_AT_ONCE = 16;
const REQUEST_MS = 60_000;
/** A watch gets a bookmark about every minute: one that is silent for longer has lost its server. */
const SILENCE_MS = 150_000;
const RETRIES_MAX = 4;
/** An answer holds a whole collection, a line one object or a part of a log. */
const ANSWER_BYTES_MAX = 256 * 2 ** 20;
const LINE_CHARS_MAX = 8 * 2 ** 20;

const WatchEventSchema = z.object({ type: z.string(), object: z.record(z.string(), z.unknown()) });

/** The HTTP API of one cluster. Connections are kept; so many requests at once, the rest wait; watches and what goes apart are not counted. */
export class ApiClient {
  readonly #connection: Connection;
  readonly #agent: Agent;
  readonly #uncountedAgent: Agent;

  /** @throws where its server's address is none that is connected to */
  constructor(connection: Connection) {
    assertReachable(new URL(connection.server).hostname);
    this.#connection = connection;
    const Kind = connection.server.startsWith("http:") ? (HttpAgent as unknown as typeof Agent) : Agent;
    this.#agent = new Kind({ keepAlive: true, maxSockets: REQUESTS_AT_ONCE, lookup: lookupReachable });
    this.#uncountedAgent = new Kind({ keepAlive: false, lookup: lookupReachable });
  }

  get server(): string {
    return this.#connection.server;
  }

  /** @throws {ApiError} when it is refused. @throws {UnreachableError} when there is no answer. */
  async request(call: Call): Promise<PropertyMap> {
    for (let attempt = 0; ; attempt++) {
      const response = await this.#send(call, call.apart ? this.#uncountedAgent : this.#agent, call.timeoutMs ?? REQUEST_MS);
      const text = await readAll(response).catch((error: Error) => Promise.reject(new UnreachableError(error.message)));
      const code = response.statusCode ?? 0;
      const isDone = code >= 200 && code < 300;
      // Seen of a schema that was just being made: success, and no body.
      const isEmpty = isDone && text === "" && (call.method ?? "GET") === "GET";
      if (isDone && !isEmpty) {
        return parseObject(text, call.path);
      }
      // The server asks for patience (429), or is between two of its replicas: what is sent here may be sent again.
      const retryAfter = Number(response.headers["retry-after"]);
      if ((code === 429 || code === 503 || isEmpty) && attempt < RETRIES_MAX) {
        await delay(retryAfter > 0 ? Math.min(retryAfter, 10) * 1000 : 200 * 2 ** attempt, undefined, { signal: call.signal });
        continue;
      }
      throw isEmpty ? new UnreachableError(`an empty answer to ${call.path}`) : new ApiError(code, parseStatus(text));
    }
  }

  /** Credentials for a connection of another kind, as of now, and where it may lead. */
  async options(): Promise<RequestOptions> {
    return { ...(await this.#connection.options()), lookup: lookupReachable };
  }

  /** The events of one watch, until the server or the signal ends it. */
  async *watch(call: Call & { readonly signal: AbortSignal }): AsyncGenerator<WatchEvent> {
    const query = { ...call.query, watch: "true", allowWatchBookmarks: "true" };
    for await (const line of this.lines({ timeoutMs: SILENCE_MS, ...call, query })) {
      const event = WatchEventSchema.safeParse(parseObject(line, call.path));
      if (!event.success) {
        throw new UnreachableError(`what ${call.path} answers is no event of a watch`);
      }
      yield event.data as WatchEvent;
    }
  }

  /** The lines of an answer as they come, until the server or the signal ends it. `timeoutMs` 0: however long it is silent. */
  async *lines(call: Call & { readonly signal: AbortSignal; readonly timeoutMs: number }): AsyncGenerator<string> {
    const response = await this.#send(call, this.#uncountedAgent, call.timeoutMs);
    if (response.statusCode !== 200) {
      throw new ApiError(response.statusCode ?? 0, parseStatus(await readAll(response)));
    }
    try {
      yield* splitLines(response, call.path);
    } finally {
      response.destroy();
    }
  }

  close(): void {
    this.#agent.destroy();
    this.#uncountedAgent.destroy();
  }

  async #send(call: Call, agent: Agent, timeoutMs: number, isRenewed = false): Promise<IncomingMessage> {
    call.signal?.throwIfAborted();
    const options = await this.#connection.options().catch((error: unknown) => {
      throw new UnreachableError(`its credentials can't be had: ${error instanceof Error ? error.message : String(error)}`);
    });
    const url = new URL(`${this.#connection.server}${call.path}`);
    for (const [key, value] of Object.entries(call.query ?? {})) {
      url.searchParams.set(key, value);
    }
    const body = call.body && JSON.stringify(call.body);
    const headers = {
      ...options.headers,
      accept: call.accept ?? "application/json",
      "user-agent": "open-cluster-claw",
      ...(body !== undefined && { "content-type": call.contentType ?? "application/json", "content-length": Buffer.byteLength(body) }),
    };
    const send = url.protocol === "http:" ? httpRequest : httpsRequest;
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = send(url, { ...options, headers, method: call.method ?? "GET", agent, signal: call.signal }, resolve);
      request.on("error", (error: NodeJS.ErrnoException) => {
        // The server had just closed a connection that was kept, as it does with idle ones. What is sent here may be sent again.
        if (request.reusedSocket && error.code === "ECONNRESET") {
          resolve(this.#send(call, agent, timeoutMs));
          return;
        }
        reject(call.signal?.aborted ? call.signal.reason : new UnreachableError(`${error.message} (${this.server})`, error));
      });
      request.setTimeout(timeoutMs, () => {
        request.destroy(Object.assign(new Error(`no answer within ${timeoutMs / 1000} seconds`), { code: "ETIMEDOUT" }));
      });
      request.end(body);
    });
    if (response.statusCode === 401 && !isRenewed && this.#connection.renew?.()) {
      response.resume();
      return this.#send(call, agent, timeoutMs, true);
    }
    return response;
  }
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > ANSWER_BYTES_MAX) {
      throw new Error(`an answer is longer than ${ANSWER_BYTES_MAX} bytes`);
    }
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** The lines of an answer. One that breaks off has ended; the line that it broke off in is none. */
async function* splitLines(response: IncomingMessage, path: string): AsyncGenerator<string> {
  response.setEncoding("utf8");
  let rest = "";
  const chunks = response[Symbol.asyncIterator]();
  for (;;) {
    const next = await chunks.next().catch(() => undefined);
    if (!next) {
      return;
    }
    if (next.done) {
      break;
    }
    const lines = `${rest}${next.value}`.split("\n");
    rest = lines.pop() ?? "";
    yield* lines.map((line) => line.replace(/\r$/, ""));
    if (rest.length > LINE_CHARS_MAX) {
      throw new UnreachableError(`a line of ${path} is longer than ${LINE_CHARS_MAX} characters`);
    }
  }
  if (rest !== "") {
    yield rest;
  }
}

function parseObject(text: string, path: string): PropertyMap {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as PropertyMap;
    }
  } catch {
    // It is said below, without what stood there.
  }
  throw new UnreachableError(`what ${path} answers is no JSON object`);
}

function parseStatus(text: string): PropertyMap {
  try {
    return parseObject(text, "");
  } catch {
    return { message: text.trim() };
  }
}
