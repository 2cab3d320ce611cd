import { stackPlaceOf, type TenantId } from "../../../sdk/contract/index.ts";
import { entryOf } from "../../domain/audit/chain.ts";
import type { ApplicationDependencies } from "../dependencies.ts";
import { isLost } from "../instances/lost.ts";
import type { TenantStack } from "../ports/stacks/stack-operations.ts";
import type { RequestContext, RouteHandlers } from "../resources/route-handlers.ts";
import { refreshStack } from "./refresh-stack.ts";

type StackRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `stacks.${string}`>>;

/** For the platform's operators: a stack's state goes out, comes in, moves and is set free. Everything but reading history is on record: with its tenant, and with the platform, whose operators do it. */
export function stackRoutes(deps: ApplicationDependencies): StackRoutes {
  const { transactions, administration, clock } = deps;
  const stackOf = async (ref: string): Promise<TenantStack> => {
    const [tenant = "", ...cluster] = ref.split(".");
    const { id, name } = await transactions.platform((tx) => tx.tenants.get(tenant));
    return { tenantId: id, stack: [name, ...cluster].join(".") };
  };
  /** On record before it is done: an answer that gets lost is no secret that was not shown. */
  const audited = async ({ actor }: RequestContext, ref: string, action: string, details: Record<string, string> = {}) => {
    const stack = await stackOf(ref);
    const { tenant } = stackPlaceOf(stack.stack);
    const resource = { kind: "Stack", name: stack.stack, tenant };
    const entry = entryOf({ time: clock().toISOString(), by: actor, action, resource, details });
    await transactions.platform(async (tx) => {
      (await tx.enter(stack.tenantId as TenantId)).audit.append(entry);
      tx.audit.append(entry);
    });
    return stack;
  };

  return {
    "stacks.export": async (ctx, { params, query, answer }) => {
      const showSecrets = query.showSecrets ?? false;
      const stack = await audited(ctx, params.id, "stack.export", showSecrets ? { secrets: "in plaintext" } : {});
      await administration.exportState(stack, showSecrets, answer.path);
    },
    "stacks.import": async (ctx, { params, body }) => {
      const stack = await audited(ctx, params.id, "stack.import");
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
      const place = stackPlaceOf((await audited(ctx, params.id, "stack.refresh")).stack);
      const tenant = await transactions.platform((tx) => tx.tenants.get(place.tenant));
      return refreshStack(tenant, place.cluster, deps);
    },
    "stacks.cancel": async (ctx, { params }) => {
      const { holder, stopped } = await administration.cancel(await audited(ctx, params.id, "stack.cancel"));
      return { stopped, ...(holder !== undefined && { holder }) };
    },
    "stacks.unlock": async (ctx, { params }) => {
      const { holder } = await administration.unlock(await audited(ctx, params.id, "stack.unlock"));
      return holder === undefined ? {} : { holder };
    },
    "stacks.migrate": async (ctx, { params, body: { engine } }) => {
      const stack = await audited(ctx, params.id, "stack.migrate", { engine });
      return { ...(await administration.migrate(stack, engine)), to: engine };
    },
  };
}

function ofLost(cluster: string): string {
  const state = `cluster '${cluster}' can't be asked, so nobody knows whether what the state says is there: no operation is run until it answers`;
  return `${state}; when it is gone for good, 'claw destroy NAME --forget' lets go of an instance, and 'claw clusters delete ${cluster} --forget' of all`;
}
