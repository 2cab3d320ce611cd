import { type Actor, tenantOfServiceAccount } from "../../domain/access/actor.ts";
import { NO_GRANTS } from "../../domain/access/grants.ts";
import { actorOf, type StoredActor } from "../../domain/access/stored-actor.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import { withGrants } from "./authenticate.ts";

/** Whoever began long work, with what they may do in a tenant by now: it may have been taken from them since, or they are gone. */
export async function actorNow(tx: PlatformTransaction, stored: StoredActor, tenant: string): Promise<Actor> {
  const actor = withGrants(actorOf(stored), await tx.access.standing(stored.keys, tenant));
  // A binding outlives the service account that it names.
  return (await isThere(tx, stored.subject)) ? actor : { ...actor, grants: NO_GRANTS, platform: false };
}

async function isThere(tx: PlatformTransaction, subject: string): Promise<boolean> {
  const home = tenantOfServiceAccount(subject);
  if (home === undefined) {
    return true;
  }
  const found = await tx.tenants.find(home);
  const name = subject.slice(subject.indexOf("/") + 1);
  return found !== undefined && (await (await tx.enter(found.id)).serviceAccounts.find(name)) !== undefined;
}
