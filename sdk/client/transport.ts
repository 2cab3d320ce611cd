import type { Problem } from "../contract/index.ts";
import { type ApiError, ConnectionError, TimeoutError, toApiError, UserAbortError } from "./errors.ts";

/** What the streams need of a WebSocket. */
export interface WebSocketLike {
  binaryType: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number): void;
  addEventListener(
    type: "open" | "message" | "error" | "close",
    listener: (event: { readonly data?: unknown; readonly code?: number; readonly reason?: string }) => void,
  ): void;
}

/** The global `WebSocket` of Node 22 and newer, Bun, Deno and browsers, or that of the package `ws`. */
export type WebSocketConstructor = new (url: string, init: never) => WebSocketLike;

/** What every call takes besides its input. */
export interface RequestOptions {
  /** Ends the call with a {@link UserAbortError}. */
  readonly signal?: AbortSignal | undefined;
  /** How long one attempt may take. @default the client's `timeoutMs` */
  readonly timeoutMs?: number;
  /** @default the client's `maxRetries` */
  readonly maxRetries?: number;
  /** The key of a mutating call, kept over its retries. @default a random one per call */
  readonly idempotencyKey?: string;
  /** The resource version that the write is made on; refused with 412 when it is not the newest. */
  readonly ifMatch?: string;
}

/** A token, or what gives one that holds whenever it is asked: those that expire are renewed there. */
export type TokenSource = string | (() => Promise<string>);

/** Where and as whom a client calls. */
export interface TransportOptions {
  readonly url: string;
  readonly token: TokenSource | undefined;
  readonly tenant: string | undefined;
  readonly timeoutMs: number;
  readonly maxRetries: number;
  readonly fetch: typeof fetch;
  readonly onWarning: ((text: string) => void) | undefined;
  /** Absent where the runtime has none and none was given. */
  readonly WebSocket: WebSocketConstructor | undefined;
}

/** A request before it is made. */
export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Relative to `/api/v1`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 8_000;
/** A service that asks for a longer pause gets its error reported at once instead. */
const RETRY_AFTER_MAX_MS = 60_000;

/** The absolute address of an API path. */
export function apiUrl(base: string, path: string, query: Readonly<Record<string, unknown>> = {}): URL {
  const url = new URL(`${base.replace(/\/+$/, "")}/api/v1${path}`);
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined) {
      url.searchParams.set(key, String(value));
    }
  }
  return url;
}

/** The token to call with now. */
export async function currentToken({ token }: Pick<TransportOptions, "token">): Promise<string | undefined> {
  return typeof token === "function" ? token() : token;
}

/** The headers that say who calls. */
export function identityHeaders(token: string | undefined, tenant: string | undefined): Record<string, string> {
  return {
    ...(token ? { authorization: `Bearer ${token}` } : {}),
    ...(tenant === undefined ? {} : { "x-claw-tenant": tenant }),
  };
}

/** Sends a request, with retries. @returns the answer's JSON, or undefined when it has no body */
export async function send(config: TransportOptions, request: HttpRequest, options: RequestOptions): Promise<unknown> {
  const headers: Record<string, string> = {
    accept: "application/json, application/problem+json",
    ...(request.body === undefined ? {} : { "content-type": "application/json" }),
    ...(request.method === "GET" ? {} : { "idempotency-key": options.idempotencyKey ?? randomKey() }),
    ...(options.ifMatch === undefined ? {} : { "if-match": `"${options.ifMatch}"` }),
  };
  const init = {
    method: request.method,
    ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
  };
  const url = apiUrl(config.url, request.path, request.query);
  const retries = options.maxRetries ?? config.maxRetries;
  for (let attempt = 0; ; attempt++) {
    const identity = identityHeaders(await currentToken(config), config.tenant);
    const outcome = await attemptOnce(config, url, { ...init, headers: { ...headers, ...identity } }, options);
    if (outcome.ok) {
      return outcome.value;
    }
    if (attempt >= retries || !outcome.retry) {
      throw outcome.error;
    }
    await pause(outcome.retryAfterMs ?? backoffMs(attempt), options.signal);
  }
}

type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: Error; readonly retry: boolean; readonly retryAfterMs?: number | undefined };

async function attemptOnce(config: TransportOptions, url: URL, init: RequestInit, options: RequestOptions): Promise<Outcome> {
  const timeoutMs = options.timeoutMs ?? config.timeoutMs;
  const limit = limited(options.signal, timeoutMs);
  // A browser's refuses to be called as a method of something else.
  const { fetch } = config;
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, { ...init, signal: limit.signal });
    text = await response.text();
  } catch (cause) {
    if (options.signal?.aborted) {
      return { ok: false, retry: false, error: abortError(options.signal) };
    }
    const error = limit.isOver()
      ? new TimeoutError(`no answer from ${url.origin} within ${timeoutMs / 1000} s`, { cause })
      : new ConnectionError(`can't reach ${url.origin}: ${reasonOf(cause)}`, { cause });
    return { ok: false, retry: true, error };
  } finally {
    limit.clear();
  }
  if (response.ok) {
    const json = parseJson(text);
    for (const warning of warningsOf(response.headers)) {
      config.onWarning?.(warning);
    }
    return json === NOT_JSON ? { ok: false, retry: false, error: notAControlPlane(config) } : { ok: true, value: json };
  }
  return failure(response, text);
}

/** `299 - "text"`, several with commas between; what is beyond ASCII is percent-encoded. */
function warningsOf(headers: Headers): string[] {
  const texts = (headers.get("warning") ?? "").matchAll(/\b299 - "((?:[^"\\]|\\.)*)"/g);
  return [...texts].map(([, text = ""]) => decoded(text.replaceAll(/\\(.)/g, "$1")));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Something answered, but nothing that a control plane would say. */
export function notAControlPlane(config: Pick<TransportOptions, "url">): ConnectionError {
  return new ConnectionError(`${new URL(config.url).origin} answered, but not as a control plane`);
}

/** Longest delay that timers take; a longer one would be none. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** A signal that ends by itself when a time is over. */
interface Limit {
  readonly signal: AbortSignal;
  isOver(): boolean;
  clear(): void;
}

/** A signal that ends with the caller's, or when the time is over. `AbortSignal.any` is younger than some runtimes that this runs on. */
export function limited(signal: AbortSignal | undefined, timeoutMs: number): Limit {
  const controller = new AbortController();
  let isOver = false;
  const onAbort = () => controller.abort(signal?.reason);
  const timer = setTimeout(
    () => {
      isOver = true;
      controller.abort();
    },
    Math.min(timeoutMs, TIMER_MS_MAX),
  );
  if (signal?.aborted) {
    onAbort();
  }
  signal?.addEventListener("abort", onAbort, { once: true });
  return {
    signal: controller.signal,
    isOver: () => isOver,
    clear() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    },
  };
}

/** `crypto.randomUUID` is for secure contexts only: a page that was loaded over plain HTTP has none. */
export function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function failure(response: Response, text: string): Outcome {
  const json = parseJson(text);
  const problem: Partial<Problem> = typeof json === "object" && json !== null ? json : {};
  const retryAfterMs = retryAfter(response.headers.get("retry-after"));
  const error = toApiError(response.status, problem, retryAfterMs);
  return { ok: false, error, retry: isRetryable(error), retryAfterMs };
}

/** A conflict is final unless the service says that it will pass; a long asked-for pause is the caller's to decide on. */
function isRetryable(error: ApiError): boolean {
  if ((error.retryAfterMs ?? 0) > RETRY_AFTER_MAX_MS) {
    return false;
  }
  return error.status === 408 || error.status === 429 || error.status >= 500 || (error.status === 409 && error.retryable);
}

const NOT_JSON = Symbol("not JSON");

function parseJson(text: string): unknown {
  if (text === "") {
    return undefined;
  }
  try {
    return JSON.parse(text);
  } catch {
    return NOT_JSON;
  }
}

function retryAfter(value: string | null): number | undefined {
  if (value === null) {
    return undefined;
  }
  const ms = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** 0.5 s, doubling to 8 s, less up to a quarter so that clients that failed together don't come back together. */
export function backoffMs(attempt: number): number {
  return Math.min(BACKOFF_FIRST_MS * 2 ** attempt, BACKOFF_MAX_MS) * (1 - Math.random() * 0.25);
}

/** Waits. @throws {UserAbortError} when the signal ends the wait */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(abortError(signal));
      return;
    }
    const onAbort = () => {
      clearTimeout(timer);
      reject(abortError(signal));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** The error of a call that its own signal ended. */
export function abortError(signal: AbortSignal | undefined): UserAbortError {
  return new UserAbortError("the call was aborted", { cause: signal?.reason });
}

/** What an error says. `fetch` hides the reason one or two causes deep. */
export function reasonOf(error: unknown): string {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if ("code" in cause && typeof cause.code === "string") {
      return cause.message || cause.code;
    }
  }
  return error instanceof Error ? error.message : String(error);
}
