import { EventReason, EventType } from "../../../sdk/contract/index.ts";
import { recordEvents } from "../instances/report-status.ts";
import type { TenantTransaction } from "../ports/transactions.ts";
import type { Stamp } from "../resources/kind.ts";
import { pagesOf } from "../resources/pages.ts";

/** Makes all of a tenant's instances due, since claws are told which models may be chosen while they run. @param why what changed */
export async function reviseModels(scope: TenantTransaction, why: string, { actor, now }: Stamp): Promise<void> {
  const event = { type: EventType.Normal, reason: EventReason.Requested, message: why };
  for await (const page of pagesOf((query) => scope.instances.listMarks("any", query))) {
    const ids = page.map((instance) => instance.id);
    await scope.instances.requestReconcile(ids);
    await recordEvents(
      scope,
      ids.map((instance) => ({ instance, ...event, actor: actor.subject })),
      now,
    );
  }
}
