import type { Change, Manifest, PlanId } from "../../../sdk/contract/index.ts";
import { changedResource, type PlannedChange } from "../../domain/change.ts";
import { applyPlan, getPlan, getPlanPage, previewChanges } from "./previews.ts";
import { applied, assertTenant, carryOut, type RequestDependencies } from "./requests.ts";
import type { RequestContext, RouteHandlers } from "./route-handlers.ts";
import { homeIn } from "./tenant-in.ts";

type PreviewRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `previews.${string}`>>;

export function previewRoutes(deps: RequestDependencies): PreviewRoutes {
  const owner = (ctx: RequestContext) => ({ actor: ctx.actor, tenant: ctx.tenant, assertAnswerable: ctx.assertAnswerable, warn: ctx.warn });
  return {
    "previews.create": (ctx, { body }) => {
      const at = (place: string, manifest: Manifest): PlannedChange => ({ ...applied(ctx, manifest), place });
      const changes = (body.manifests ?? []).map((manifest, index) => at(`manifests[${index}]`, manifest));
      for (const [index, change] of (body.changes ?? []).entries()) {
        changes.push(
          change.action === "apply"
            ? at(`changes[${index}].manifest`, change.manifest)
            : { ...change, tenant: tenantOfChange(ctx, change) },
        );
      }
      return previewChanges(owner(ctx), changes, deps);
    },
    "previews.get": (ctx, { params }) => getPlan(owner(ctx), params.id as PlanId, deps),
    "previews.changes": (ctx, { params, query }) => getPlanPage(owner(ctx), params.id as PlanId, query.cursor, deps),
    "previews.apply": async (ctx, { params }) => {
      const { preview, written } = await applyPlan(owner(ctx), params.id as PlanId, deps);
      await carryOut(written, deps);
      return preview;
    },
  };
}

function tenantOfChange(ctx: RequestContext, change: Change): string {
  const { kind, name } = changedResource(change);
  const tenant = homeIn(ctx, kind, name);
  assertTenant(ctx, tenant);
  return tenant;
}
