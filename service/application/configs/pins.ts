import { projectsThatAllow } from "../../domain/access/grants.ts";
import type { PlannedChange } from "../../domain/change.ts";
import type { ConfigTemplate } from "../../domain/configs/config-template.ts";
import type { Transactions } from "../ports/transactions.ts";
import { everyOf } from "../resources/pages.ts";
import { invalid } from "../resources/refusals.ts";
import type { RequestContext } from "../resources/route-handlers.ts";
import { tenantIn } from "../resources/tenant-in.ts";
import { versionOf } from "./config-template-kind.ts";

/** As many as one plan takes. */
const PINS_MAX = 1000;

/** What it takes to hold the instances of a template that a selector chooses to one of its versions. @throws {ClawError} `request.invalid` where that is none */
export async function pinsOf(
  ctx: RequestContext,
  template: ConfigTemplate,
  { to, labelSelector }: { readonly to: number; readonly labelSelector: string },
  { transactions }: { readonly transactions: Transactions },
): Promise<readonly PlannedChange[]> {
  const { id, name: tenant } = tenantIn(ctx);
  const projects = projectsThatAllow(ctx.actor.grants, "instances.read");
  return transactions.tenant(id, async (tx) => {
    await versionOf(tx, template, to);
    const changes: PlannedChange[] = [];
    const query = { labelSelector, fieldSelector: `spec.config.template=${template.name}` };
    for await (const { name, deletedAt } of everyOf((page) => tx.instances.list({ ...page, ...query }, projects))) {
      if (deletedAt === undefined) {
        changes.push({ action: "pin", name, version: to, tenant });
      }
    }
    if (changes.length === 0) {
      const message = `no instance that uses config template '${template.name}' has the labels '${labelSelector}'`;
      throw invalid("labelSelector", message, "choose others, or roll back all: leave the selector out");
    }
    if (changes.length > PINS_MAX) {
      throw invalid("labelSelector", `it chooses ${changes.length} instances`, `choose at most ${PINS_MAX} at a time`);
    }
    return changes;
  });
}
