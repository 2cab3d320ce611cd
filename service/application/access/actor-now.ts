import type { Actor } from "../../domain/access/actor.ts";
import { actorOf, type StoredActor } from "../../domain/access/stored-actor.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import { withGrants } from "./authenticate.ts";

/** Whoever began long work, with what they may do in a tenant by now: it may have been taken from them since. */
export async function actorNow(tx: PlatformTransaction, stored: StoredActor, tenant: string): Promise<Actor> {
  return withGrants(actorOf(stored), await tx.access.standing(stored.keys, tenant));
}
