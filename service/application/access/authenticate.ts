import { digestToken } from "../../domain/access/tokens.ts";
import type { Actor } from "../../domain/tenancy/tenant.ts";
import type { Transactions } from "../ports/transactions.ts";

const TOKEN_REMEMBERED_MS = 5_000;

/** Who holds a token; undefined when nobody does. */
export type Authenticate = (token: string) => Promise<Actor | undefined>;

/**
 * A tenant's token is remembered for a moment, since every request asks: one that is taken back is refused as much later. The
 * administrator's is not: once it is replaced, by whichever replica, it is of no use.
 */
export function createAuthenticator(transactions: Transactions): Authenticate {
  const known = new Map<string, { readonly actor: Actor; readonly untilMs: number }>();
  return async (token) => {
    const digest = digestToken(token);
    const now = Date.now();
    const remembered = known.get(digest);
    if (remembered && now < remembered.untilMs) {
      return remembered.actor;
    }
    for (const [key, { untilMs }] of known) {
      if (untilMs <= now) {
        known.delete(key);
      }
    }
    const actor = await transactions.platform((tx) => tx.tokens.find(digest));
    if (actor && !actor.platform) {
      known.set(digest, { actor, untilMs: now + TOKEN_REMEMBERED_MS });
    }
    return actor;
  };
}
