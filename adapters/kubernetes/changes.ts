import { setTimeout as delay } from "node:timers/promises";
import type { ApiClient } from "./client/api-client.ts";
import { type Followed, follow as followEvents, listed } from "./client/follow.ts";

/** How soon to ask again for what was refused: a kind that is not installed is asked for once a minute in the end. */
const REFUSED_MS = 5_000;
const REFUSED_MAX_MS = 60_000;

export type Change<T> =
  /** Everything there is, at the beginning and whenever changes may have been missed. */
  { readonly type: "listed"; readonly items: readonly T[] } | { readonly type: "put" | "deleted"; readonly item: T };

/** Follows a collection for as long as the signal lets it. What the server refuses now, for want of rights or of a kind, it may grant later. */
export async function follow<T>(
  connect: () => Promise<ApiClient>,
  collection: Followed,
  signal: AbortSignal,
  handle: (change: Change<T>) => void,
): Promise<void> {
  let refusedMs = REFUSED_MS;
  while (!signal.aborted) {
    try {
      for await (const event of followEvents(await connect(), collection, signal)) {
        refusedMs = REFUSED_MS;
        if (event.type === "LISTED") {
          handle({ type: "listed", items: listed(event) as unknown as T[] });
        } else {
          handle({ type: event.type === "DELETED" ? "deleted" : "put", item: event.object as unknown as T });
        }
      }
    } catch {
      await delay(refusedMs, undefined, { signal }).catch(() => undefined);
      refusedMs = Math.min(refusedMs * 2, REFUSED_MAX_MS);
    }
  }
}
