import { isStateWrite, type Route } from "../../../sdk/contract/index.ts";

/** What a request costs: a look, a change, or work of an engine or of whole files. */
export type RateClass = "read" | "write" | "heavy";

/**
 * How much is answered within {@link WINDOW_SECONDS}: to one subject by class, to one tenant's subjects together by class, and how many requests of one
 * address may be refused before who they are from is known.
 */
export type RateLimits = Readonly<Record<RateClass | `tenant-${RateClass}` | "failed", number>>;

/** Short, so that who is refused waits a few seconds at most. */
export const WINDOW_SECONDS = 10;

/** @param query as it was given, before it is parsed */
export function rateClassOf(route: Route, query: unknown): RateClass {
  const isPreview = isStateWrite(route) && (query as { preview?: unknown } | undefined)?.preview !== undefined;
  return route.heavy || isPreview ? "heavy" : route.method === "GET" ? "read" : "write";
}
