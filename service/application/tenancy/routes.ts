import { API_VERSION } from "../../../sdk/contract/index.ts";
import type { StoredPolicy } from "../../domain/policies/policy.ts";
import { showUsage } from "../../domain/tenancy/quota.ts";
import type { Project, Tenant } from "../../domain/tenancy/tenant.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import type { ResourceKind } from "../resources/kind.ts";
import { applied, type RequestDependencies, writeOrPreview } from "../resources/requests.ts";
import { resourceRoutes } from "../resources/resource-routes.ts";
import type { RouteHandlers } from "../resources/route-handlers.ts";
import { testPolicies } from "./test-policies.ts";

type PolicyRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `policies.${string}`>>;
type ProjectRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `projects.${string}`>>;
type TenantRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `tenants.${string}`>>;

export function projectRoutes(kind: ResourceKind<"Project", Project>, deps: RequestDependencies): ProjectRoutes {
  const own = resourceRoutes(kind, deps);
  return {
    "projects.list": own.list,
    "projects.get": own.get,
    "projects.create": own.create,
    "projects.replace": own.replace,
    "projects.delete": own.delete,
  };
}

export function policyRoutes(
  kind: ResourceKind<"Policy", StoredPolicy>,
  deps: RequestDependencies & Parameters<typeof testPolicies>[2],
): PolicyRoutes {
  const own = resourceRoutes(kind, deps);
  return {
    "policies.list": own.list,
    "policies.get": own.get,
    "policies.create": own.create,
    "policies.replace": own.replace,
    "policies.delete": own.delete,
    "policies.test": (ctx, { body }) => testPolicies(ctx, body, deps),
  };
}

export function tenantRoutes(kind: ResourceKind<"Tenant", Tenant>, deps: RequestDependencies): TenantRoutes {
  const own = resourceRoutes(kind, deps);
  return {
    "tenants.list": own.list,
    "tenants.get": own.get,
    "tenants.create": own.create,
    "tenants.replace": own.replace,
    "tenants.delete": own.delete,
    "tenants.quota": async (ctx, { params }) => {
      const tenant = await kind.get(ctx, deps.transactions, params.id);
      return deps.transactions.platform((tx) => quotaOf(tx, tenant));
    },
    "tenants.setQuota": async (ctx, { params, body, query }) => {
      const { name, spec, resourceVersion } = await kind.get(ctx, deps.transactions, params.id);
      // On the version whose other settings are written back.
      const metadata = { name, resourceVersion: String(resourceVersion) };
      const manifest = { apiVersion: API_VERSION, kind: kind.kind, metadata, spec: { ...spec, quota: body } } as const;
      return writeOrPreview(ctx, query, applied(ctx, manifest, { expect: "present" }), deps, async ({ tenantId }, tx) =>
        quotaOf(tx, await tx.tenants.get(tenantId)),
      );
    },
  };
}

async function quotaOf(tx: PlatformTransaction, tenant: Tenant) {
  const used = await (await tx.enter(tenant.id)).instances.usage();
  return { hard: tenant.spec.quota, used: showUsage(used) };
}
