import { stackPlaceOf } from "../../../sdk/contract/index.ts";
import type { ApplicationDependencies } from "../dependencies.ts";
import { isLost } from "../instances/lost.ts";
import type { TenantStack } from "../ports/stacks/stack-operations.ts";
import type { RequestContext, RouteHandlers } from "../resources/route-handlers.ts";
import { refreshStack } from "./refresh-stack.ts";

type StackRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `stacks.${string}`>>;

/** For the platform's operators: a stack's state goes out, comes in, moves and is set free. Everything but reading history is audited. */
export function stackRoutes(deps: ApplicationDependencies): StackRoutes {
  const { transactions, administration, audit } = deps;
  const stackOf = async (ref: string): Promise<TenantStack> => {
    const [tenant = "", ...cluster] = ref.split(".");
    const { id, name } = await transactions.platform((tx) => tx.tenants.get(tenant));
    return { tenantId: id, stack: [name, ...cluster].join(".") };
  };
  /** On record before it is done: an answer that gets lost is no secret that was not shown. */
  const audited = async (ctx: RequestContext, ref: string, action: string) => {
    const stack = await stackOf(ref);
    audit({ action, subject: ctx.actor.subject, stack: stack.stack, requestId: ctx.requestId });
    return stack;
  };

  return {
    "stacks.export": async (ctx, { params, query, answer }) => {
      const showSecrets = query.showSecrets ?? false;
      const stack = await audited(ctx, params.id, showSecrets ? "stack exported with secrets in plaintext" : "stack exported");
      await administration.exportState(stack, showSecrets, answer.path);
    },
    "stacks.import": async (ctx, { params, body }) => {
      const stack = await audited(ctx, params.id, "stack imported");
      const imported = await administration.importState(stack, body.path);
      const { cluster } = stackPlaceOf(stack.stack);
      const cantBeAsked = await transactions.platform((tx) => isLost(tx, cluster));
      return cantBeAsked ? { ...imported, warning: ofLost(cluster) } : imported;
    },
    "stacks.history": async (_ctx, { params, query: { limit, cursor = "1" } }) => {
      const page = Number(cursor);
      const items = await administration.history(await stackOf(params.id), limit, page);
      return { items, ...(items.length === limit && { nextCursor: String(page + 1) }) };
    },
    "stacks.refresh": async (ctx, { params }) => {
      const place = stackPlaceOf((await audited(ctx, params.id, "stack refreshed")).stack);
      const tenant = await transactions.platform((tx) => tx.tenants.get(place.tenant));
      return refreshStack(tenant, place.cluster, deps);
    },
    "stacks.cancel": async (ctx, { params }) => {
      const { holder, stopped } = await administration.cancel(await audited(ctx, params.id, "stack operation cancelled"));
      return { stopped, ...(holder !== undefined && { holder }) };
    },
    "stacks.unlock": async (ctx, { params }) => {
      const { holder } = await administration.unlock(await audited(ctx, params.id, "stack unlocked"));
      return holder === undefined ? {} : { holder };
    },
    "stacks.migrate": async (ctx, { params, body: { engine } }) => {
      const stack = await audited(ctx, params.id, `stack moved to the engine '${engine}'`);
      return { ...(await administration.migrate(stack, engine)), to: engine };
    },
  };
}

function ofLost(cluster: string): string {
  const state = `cluster '${cluster}' can't be asked, so nobody knows whether what the state says is there: no operation is run until it answers`;
  return `${state}; when it is gone for good, 'claw destroy NAME --forget' lets go of an instance, and 'claw clusters delete ${cluster} --forget' of all`;
}
