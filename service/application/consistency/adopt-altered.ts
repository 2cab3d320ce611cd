import { ClawError, EventReason, EventType, type InstanceId } from "../../../sdk/contract/index.ts";
import { relaying } from "../../domain/access/actor.ts";
import { judgedDifferences } from "../../domain/instances/consistency.ts";
import { isSettled } from "../../domain/instances/phase.ts";
import type { Tenant } from "../../domain/tenancy/tenant.ts";
import type { ApplicationDependencies } from "../dependencies.ts";
import { recordEvent } from "../instances/report-status.ts";
import { assertAllowed, makeChanges } from "../resources/changes.ts";
import { carryOut } from "../resources/requests.ts";

/** Takes what somebody changed in an instance's config files into its specification, where that says so: a write like any other. What is refused stays, with the reason. */
export async function adoptAltered(tenant: Pick<Tenant, "id" | "name">, id: InstanceId, deps: ApplicationDependencies): Promise<void> {
  const now = deps.clock().toISOString();
  const instance = await deps.transactions.tenant(tenant.id, (tx) => tx.instances.find(id));
  const { consistency } = instance?.status ?? {};
  if (!instance || !consistency || !isSettled(instance) || instance.spec.drift !== "adopt") {
    return;
  }
  const keys = judgedDifferences(consistency, instance.spec, now).flatMap(({ key, state, owner, secret, value, isRemoved }) =>
    state === "differs" && owner === "tenant" && !secret && (value !== undefined || isRemoved) ? [key] : [],
  );
  if (keys.length === 0) {
    return;
  }
  const actor = relaying(`drift:${consistency.files[0]?.by ?? "unknown"}`);
  const change = { action: "adopt", name: instance.name, keys, tenant: tenant.name } as const;
  try {
    const { written } = await deps.transactions.platform(async (tx) => {
      const outcome = await makeChanges(tx, [change], { now, actor, ids: {} }, deps);
      assertAllowed(outcome, deps);
      const message = `${keys.join(", ")} ${keys.length === 1 ? "is" : "are"} now as somebody made it`;
      const event = { type: EventType.Normal, reason: EventReason.DriftAdopted, message, actor: actor.subject };
      await recordEvent(await tx.enter(tenant.id), id, event, now);
      return outcome;
    });
    await carryOut(written, deps);
  } catch (error) {
    if (!(error instanceof ClawError) || error.code === "resource.version_conflict") {
      throw error;
    }
    const event = { type: EventType.Warning, reason: EventReason.DriftNotAdopted, message: error.message };
    await deps.transactions.tenant(tenant.id, (tx) => recordEvent(tx, id, event, now));
  }
}
