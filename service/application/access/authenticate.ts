import { digestToken } from "../../domain/access/tokens.ts";
import type { Actor, Tenant } from "../../domain/tenancy/tenant.ts";
import type { Transactions } from "../ports/transactions.ts";

const TOKEN_REMEMBERED_MS = 5_000;

/** Who asks, and in which tenant, where that is known by now. */
export interface Admitted {
  readonly actor: Actor;
  readonly tenant: Pick<Tenant, "id" | "name"> | undefined;
}

/**
 * Who holds a token; undefined when nobody does. @param named the tenant that is asked about; the token's own otherwise. One that is not there,
 * or not its holder's, is not answered
 */
export type Authenticate = (token: string, named: string | undefined) => Promise<Admitted | undefined>;

/**
 * A tenant's token is remembered for a moment, since every request asks: one that is taken back is refused as much later. The
 * administrator's is not: once it is replaced, by whichever replica, it is of no use.
 */
export function createAuthenticator(transactions: Transactions): Authenticate {
  const known = new Map<string, { readonly actor: Actor; readonly untilMs: number }>();
  return async (token, named) => {
    const digest = digestToken(token);
    const now = Date.now();
    for (const [key, { untilMs }] of known) {
      if (untilMs <= now) {
        known.delete(key);
      }
    }
    // In one transaction: to begin and end one costs as much as what is asked in it.
    return transactions.platform(async (tx) => {
      const actor = known.get(digest)?.actor ?? (await tx.tokens.find(digest));
      if (!actor) {
        return undefined;
      }
      if (!actor.platform && !known.has(digest)) {
        known.set(digest, { actor, untilMs: now + TOKEN_REMEMBERED_MS });
      }
      const wanted = named ?? actor.tenantId;
      const tenant = wanted === undefined ? undefined : await tx.tenants.find(wanted);
      return { actor, tenant: actor.platform || tenant?.id === actor.tenantId ? tenant : undefined };
    });
  };
}
