import { ApiError, NoMatchError, UnreachableError } from "../../kubernetes/client/api-errors.ts";
import { ConflictError } from "./apply.ts";

/** Network errors after which nothing was sent. */
const unsent = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"];

/** How long a look at what became of a write may take. */
export const LOOK_MS = 10_000;

/** Whether nobody knows what the server did with a write: its answer was lost, was not waited for, or says that it does not know either. */
export function isInDoubt(error: unknown): boolean {
  if (error instanceof UnreachableError) {
    return !unsent.includes(String((error.cause as { code?: unknown } | undefined)?.code));
  }
  return error instanceof ApiError ? error.code >= 500 : !(error instanceof ConflictError || error instanceof NoMatchError);
}

/** Sends a write that may be sent twice once more when its answer was lost. */
export async function sendSurely<T>(send: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  try {
    return await send();
  } catch (error) {
    if (!isInDoubt(error) || signal?.aborted) {
      throw error;
    }
    return send();
  }
}
