import type { Actor } from "../../domain/access/actor.ts";
import { allows } from "../../domain/access/grants.ts";
import type { StoredRollout } from "../../domain/rollouts/rollout.ts";
import { actorNow } from "../access/actor-now.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import { refusal } from "../resources/permitted.ts";

/** Whoever a rollout goes on for, with what they may do by now; and why it can't go on for them any more, if it can't. */
export async function leaveOf(
  tx: PlatformTransaction,
  { tenantId, state }: StoredRollout,
  tenant: string,
): Promise<{ readonly actor: Actor; readonly refused: string | undefined }> {
  const actor = await actorNow(tx, state.actor, tenant);
  const may = (["rollouts.write", "rollouts.operate"] as const).some((permission) => allows(actor.grants, permission, { tenantId }));
  return { actor, refused: may ? undefined : refusal(actor, "rollouts.operate").message };
}
