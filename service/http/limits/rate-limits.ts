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

/** Who sends from there: an address, or the network that one line of IPv6 gets, whose addresses are all its own. */
export function senderOf(address: string): string {
  const ip = address.replace(/^::ffff:(?=\d+\.)/i, "");
  if (!ip.includes(":")) {
    return ip;
  }
  const [head = "", tail] = ip.split("%", 1)[0]?.split("::") ?? [];
  const before = head.split(":").filter((group) => group !== "");
  const after = tail?.split(":").filter((group) => group !== "") ?? [];
  const groups = [...before, ...Array<string>(Math.max(0, 8 - before.length - after.length)).fill("0"), ...after];
  return `${groups.slice(0, 4).join(":")}::/64`;
}
