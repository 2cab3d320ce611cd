import type { Permission, TenantId } from "../../../sdk/contract/index.ts";
import { type Actor, administrator, relaying } from "./actor.ts";
import { NO_GRANTS } from "./grants.ts";

/** Somebody whose work goes on when they are gone: enough to find out anew what they may do, and nothing that lets anybody in. */
export interface StoredActor {
  readonly subject: string;
  readonly groups: readonly string[];
  readonly keys: readonly string[];
  readonly tenantId: TenantId | undefined;
  readonly scopes: readonly Permission[] | undefined;
  /** Who may do everything is named by no binding. */
  readonly everything: boolean;
  /** Of whoever passes on what somebody else wrote: see {@link Actor}. */
  readonly relays?: true | undefined;
}

export function storedActor({ subject, groups, keys, tenantId, scopes, platform, relays }: Actor): StoredActor {
  return { subject, groups, keys, tenantId, scopes, everything: platform && keys.length === 0, relays };
}

/** The actor without what they may do, which is to be found out. */
export function actorOf({ subject, groups, keys, tenantId, scopes, everything, relays }: StoredActor): Actor {
  if (everything) {
    return relays ? relaying(subject) : administrator(subject);
  }
  return { subject, groups, keys, tenantId, scopes, grants: NO_GRANTS, platform: false };
}
