import type { Change } from "../contract/index.ts";
import type { Context } from "./context.ts";
import type { ResourceKind } from "./kinds/kind.ts";
import { renderPreview } from "./output/preview.ts";
import { assertApplicable, showPlan, wholePreview } from "./preview.ts";
import { confirm } from "./prompt.ts";
import { waitFor } from "./wait.ts";

/** A resource to delete. */
export interface RemovedResource {
  readonly kind: ResourceKind;
  readonly name: string;
  readonly tenant?: string | undefined;
}

interface RemovalOptions {
  /** Show what would go, and delete nothing. */
  readonly preview?: boolean | undefined;
  readonly yes?: boolean | undefined;
  readonly purgeData?: boolean | undefined;
  /** Of instances and clusters that can't be reached. */
  readonly forget?: boolean | undefined;
  /** How long to wait until instances are gone; not at all when absent. */
  readonly waitMs?: number | undefined;
}

/** Deletes resources: shows what goes, asks, then applies exactly what was shown; with --yes at once. Dependents go first. */
export async function remove(context: Context, targets: readonly RemovedResource[], options: RemovalOptions): Promise<void> {
  const { out } = context;
  const byTenant = Map.groupBy(targets, (target) => target.tenant);
  for (const [tenant, group] of byTenant) {
    await removeOfTenant(context, tenant, group, options);
  }
  if (options.waitMs !== undefined && !options.preview) {
    const instances = targets.filter((target) => target.kind.runs);
    await waitFor(
      context,
      instances.map(({ name, tenant }) => ({ name, tenant, gone: true })),
      options.waitMs,
    );
    for (const { name } of instances) {
      await out.line(`instance/${name} destroyed`);
    }
  }
}

async function removeOfTenant(context: Context, tenant: string | undefined, targets: readonly RemovedResource[], options: RemovalOptions) {
  const { io, out, signal } = context;
  const claw = tenant === undefined ? context.claw : context.claw.withOptions({ tenant });
  const changes = targets.map(
    ({ kind, name }): Change => ({
      action: "delete",
      kind: kind.kind,
      name,
      ...(options.purgeData && kind.runs ? { purgeData: true } : {}),
      ...(options.forget ? { forget: true } : {}),
    }),
  );
  const plan = await claw.previews.create({ changes }, { signal });
  if (options.preview) {
    return showPlan(context, plan);
  }
  if (!options.yes) {
    out.note(renderPreview({ ...(await wholePreview(plan, signal)), planId: undefined }, out.paintNote));
  }
  assertApplicable(plan);
  const what = targets.length === 1 ? `${targets[0]?.kind.word}/${targets[0]?.name}` : `these ${targets.length} resources`;
  const data = options.purgeData ? " and the data" : "";
  if (!options.yes && !(await confirm(io, `Delete ${what}${data}?`))) {
    out.note("nothing was deleted");
    return;
  }
  await plan.apply({ signal, renew: options.yes === true });
  for (const { kind, name } of targets) {
    await out.line(`${kind.word}/${name} ${kind.runs ? "is being destroyed" : "deleted"}`);
  }
}
