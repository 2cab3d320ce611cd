import type { StoredSecret } from "../../domain/secrets/secret.ts";
import type { ApplicationDependencies } from "../dependencies.ts";
import type { ResourceKind } from "../resources/kind.ts";
import { resourceRoutes } from "../resources/resource-routes.ts";
import type { RouteHandlers } from "../resources/route-handlers.ts";
import { tenantIn } from "../resources/tenant-in.ts";
import { readSecret } from "./read-secret.ts";
import { tenantsOf, useOf } from "./secret-users.ts";

type SecretRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `secrets.${string}`>>;

export function secretRoutes(kind: ResourceKind<"Secret", StoredSecret>, deps: ApplicationDependencies): SecretRoutes {
  const own = resourceRoutes(kind, deps);
  return {
    "secrets.list": own.list,
    "secrets.get": own.get,
    "secrets.create": own.create,
    "secrets.replace": own.replace,
    "secrets.delete": own.delete,
    "secrets.rotate": async (ctx, input) =>
      own.write(ctx, input.query, { action: "rotate", name: await own.nameOf(ctx, input), ...input.body, tenant: tenantIn(ctx).name }),
    "secrets.users": async (ctx, { params, query: { limit, cursor } }) => {
      const secret = await kind.get(ctx, deps.transactions, params.id);
      const home = tenantIn(ctx);
      const [from, after] = cursor?.split("/") ?? [];
      return deps.transactions.platform(async (tx) => {
        const items: { tenant: string; instance: string; project: string }[] = [];
        let isReached = from === undefined;
        for await (const tenant of tenantsOf(tx, secret, home)) {
          isReached ||= tenant.name === from;
          if (!isReached) {
            continue;
          }
          const page = { limit: limit - items.length, ...(tenant.name === from && after !== undefined && { cursor: after }) };
          const found = await (await tx.enter(tenant.id)).instances.listMarks(useOf(secret, tenant), page);
          items.push(...found.items.map(({ name, projectName }) => ({ tenant: tenant.name, instance: name, project: projectName })));
          const last = items.at(-1);
          if (last && items.length === limit) {
            return { items, nextCursor: `${last.tenant}/${last.instance}` };
          }
        }
        return { items };
      });
    },
    "secrets.refresh": async (ctx, { params }) => {
      const { id } = await kind.get(ctx, deps.transactions, params.id);
      await readSecret(tenantIn(ctx), id, { ...deps, sources: deps.secretSources });
      return kind.show(ctx, deps.transactions, params.id);
    },
  };
}
