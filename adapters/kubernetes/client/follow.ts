import { setTimeout as delay } from "node:timers/promises";
import type { ApiClient, WatchEvent } from "./api-client.ts";
import { ApiError, UnreachableError } from "./api-errors.ts";
import { type KubeObject, listAt, textAt } from "./objects.ts";

export interface Followed {
  readonly path: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

const AGAIN_MS = 500;

/**
 * What is there and every change of it: a list, then a watch from where the list ended, and again when the server ends the watch or has
 * forgotten that version. `since` begins with the watch, when the state of that version is known already.
 */
export async function* follow(client: ApiClient, target: Followed, signal: AbortSignal, since?: string): AsyncGenerator<WatchEvent> {
  const { path, fieldSelector, labelSelector } = target;
  const query = { ...(fieldSelector && { fieldSelector }), ...(labelSelector && { labelSelector }) };
  let version = since;
  while (!signal.aborted) {
    try {
      if (version === undefined) {
        const list = await client.request({ path, query, signal });
        version = textAt(list, "metadata", "resourceVersion");
        // What has gone meanwhile is not among the items: the reader compares.
        yield { type: "LISTED", object: { items: listAt(list, "items") } };
      }
      for await (const event of client.watch({ path, query: { ...query, resourceVersion: version }, signal })) {
        if (event.type === "ERROR") {
          version = undefined;
          break;
        }
        version = textAt(event.object, "metadata", "resourceVersion");
        if (event.type !== "BOOKMARK") {
          yield event;
        }
      }
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      // A watch from a version that is too old is refused with 410. Without an answer, the server may be restarting.
      if (!(error instanceof UnreachableError) && !(error instanceof ApiError && (error.code === 410 || error.code >= 500))) {
        throw error;
      }
      version = undefined;
      await delay(AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** The items of a `LISTED` event. */
export function listed(event: WatchEvent): KubeObject[] {
  return event.type === "LISTED" ? (listAt(event.object, "items") as KubeObject[]) : [];
}
