import type { Leftover } from "../../../sdk/contract/index.ts";
import type { StoredLeftover } from "../ports/clusters/leftovers.ts";

/** When it is ended; undefined when it is left alone. */
export function endsAt({ since, keptFor }: StoredLeftover, graceSeconds: number): string | undefined {
  return keptFor === undefined ? new Date(Date.parse(since) + graceSeconds * 1000).toISOString() : undefined;
}

export function presentLeftover(leftover: StoredLeftover, graceSeconds: number): Leftover {
  return { ...leftover, endsAt: endsAt(leftover, graceSeconds) };
}
