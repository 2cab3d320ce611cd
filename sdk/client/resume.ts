import { ApiError, ConnectionError } from "./errors.ts";
import type { Socket } from "./socket.ts";
import { backoffMs, pause } from "./transport.ts";

/** An item of a stream, as far as whoever reads on needs to know it. */
interface AnyItem {
  readonly type: string;
  readonly position?: string | undefined;
}

export interface Resuming {
  /** Opens the stream behind a position, or at its beginning. */
  readonly open: (after: string | undefined, isFirst: boolean) => Promise<Socket>;
  readonly signal: AbortSignal | undefined;
  /** @default two heartbeats of the service, and a half */
  readonly silenceMs?: number | undefined;
  /** How long it is tried to come back. @default 120000 */
  readonly patienceMs?: number | undefined;
}

/** The service says something every 15 seconds. */
const SILENCE_MS = 38_000;
/** A restart of the control plane takes seconds, and agents dial again within five. */
const PATIENCE_MS = 120_000;

/**
 * The items of a stream until it ends as it should. When it breaks off, or nothing is heard of it, it is opened again behind the last position:
 * nothing is lost, and nothing comes twice.
 * @throws what ended it, once it could not be opened again for long enough, and at once where it has never begun
 */
export async function* resumed<T extends AnyItem>(
  read: (frame: string | Uint8Array) => T | undefined,
  { open, signal, silenceMs = SILENCE_MS, patienceMs = PATIENCE_MS }: Resuming,
): AsyncGenerator<T, void, undefined> {
  let after: string | undefined;
  let socket = await open(undefined, true);
  let hasBegun = false;
  for (let brokenAt: number | undefined, attempt = 0; ; ) {
    let failure: Error = new ConnectionError("the stream broke off");
    try {
      socket.giveUpAfter(silenceMs);
      for await (const frame of socket) {
        const item = read(frame);
        if (!item) {
          throw new ConnectionError("what came on the stream is no item of it");
        }
        hasBegun = true;
        brokenAt = undefined;
        attempt = 0;
        if (item.type === "end") {
          return;
        }
        after = item.position ?? after;
        if (item.type !== "heartbeat") {
          yield item;
        }
      }
    } catch (error) {
      failure = assertPassing(error);
    } finally {
      socket.close();
    }
    if (!hasBegun) {
      throw failure;
    }
    for (;;) {
      brokenAt ??= Date.now();
      if (Date.now() - brokenAt > patienceMs) {
        throw failure;
      }
      await pause(backoffMs(attempt++), signal);
      try {
        socket = await open(after, false);
        break;
      } catch (error) {
        failure = assertPassing(error);
      }
    }
  }
}

/** @throws an error that will not pass by itself */
export function assertPassing(error: unknown): Error {
  const isPassing = error instanceof ConnectionError || (error instanceof ApiError && (error.status >= 500 || error.status === 429));
  if (!isPassing) {
    throw error;
  }
  return error;
}

/** A frame as an item of one of these types; what its members are beyond that, the service answers for. */
export function itemOf<T extends AnyItem>(
  frame: string | Uint8Array,
  isItem: (item: Partial<Record<string, unknown>>) => boolean,
): T | undefined {
  try {
    const item = JSON.parse(String(frame)) as Partial<Record<string, unknown>>;
    return item["type"] === "heartbeat" || item["type"] === "end" || isItem(item) ? (item as unknown as T) : undefined;
  } catch {
    return undefined;
  }
}
