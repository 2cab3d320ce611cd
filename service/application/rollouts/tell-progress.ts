import { newId } from "../../../sdk/contract/index.ts";
import type { StoredRollout } from "../../domain/rollouts/rollout.ts";
import type { TenantTransaction } from "../ports/transactions.ts";

/** Publishes that a rollout has come to another phase, or another wave. */
export async function tellProgress(at: TenantTransaction, before: StoredRollout, after: StoredRollout, time: string): Promise<void> {
  const waveOf = ({ state: { waves } }: StoredRollout) => waves.find(({ phase }) => phase !== "Passed");
  const [former, wave] = [waveOf(before), waveOf(after)];
  const { phase, reason, message } = after.state;
  if (before.state.phase === phase && former?.name === wave?.name && former?.phase === wave?.phase) {
    return;
  }
  const data = { uid: after.id, name: after.name, phase, reason, message, ...(wave && { wave: wave.name }) };
  await at.publish({ id: newId("evt"), event: "rollout.progressed", time, data });
}
