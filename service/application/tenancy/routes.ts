import { API_VERSION } from "../../../sdk/contract/index.ts";
import { showUsage } from "../../domain/tenancy/quota.ts";
import type { Project, Tenant } from "../../domain/tenancy/tenant.ts";
import type { ApplicationDependencies } from "../dependencies.ts";
import type { PlatformTransaction, TenantTransaction } from "../ports/transactions.ts";
import { presentProject, presentTenant } from "../present.ts";
import { applied, assertSameName, tenantIn, writeOrPreview } from "../resources/requests.ts";
import type { RequestContext, RouteHandlers } from "../resources/route-handlers.ts";
import type { Written } from "../resources/write-context.ts";

type TenantRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `tenants.${string}` | `projects.${string}`>>;

export function tenantRoutes(deps: ApplicationDependencies): TenantRoutes {
  const findTenant = (ref: string) => deps.transactions.platform((tx) => tx.tenants.get(ref));
  const findProject = (ctx: RequestContext, ref: string) => deps.transactions.tenant(tenantIn(ctx).id, (tx) => tx.projects.get(ref));
  const quotaOf = async (tx: PlatformTransaction, tenant: Tenant) => {
    const used = await (await tx.enter(tenant.id)).instances.usage();
    return { hard: tenant.spec.quota, used: showUsage(used) };
  };
  const presentOne = async (tx: PlatformTransaction, tenant: Tenant) =>
    presentTenant(tenant, (await tx.tenants.countInstances([tenant.id])).get(tenant.id) ?? 0);
  const presentOwn = async (tx: TenantTransaction, tenant: string, project: Project) =>
    presentProject(project, tenant, (await tx.instances.countByProject()).get(project.id) ?? 0);
  const presentTenantWritten = ({ after }: Written, tx: PlatformTransaction) => presentOne(tx, after as Tenant);
  const presentProjectWritten = async ({ after, tenantId, tenant }: Written, tx: PlatformTransaction) =>
    presentOwn(await tx.enter(tenantId), tenant, after as Project);

  return {
    "tenants.list": (_ctx, { query }) =>
      deps.transactions.platform(async (tx) => {
        const page = await tx.tenants.list(query);
        const counts = await tx.tenants.countInstances(page.items.map(({ id }) => id));
        return { ...page, items: page.items.map((tenant) => presentTenant(tenant, counts.get(tenant.id) ?? 0)) };
      }),
    "tenants.create": (ctx, { body, query }) =>
      writeOrPreview(ctx, query, applied(ctx, body, { expect: "absent" }), deps, presentTenantWritten),
    "tenants.get": (_ctx, { params }) => deps.transactions.platform(async (tx) => presentOne(tx, await tx.tenants.get(params.id))),
    "tenants.replace": async (ctx, { params, body, query }) => {
      assertSameName(body, await findTenant(params.id));
      return writeOrPreview(ctx, query, applied(ctx, body, { expect: "present" }), deps, presentTenantWritten);
    },
    "tenants.delete": async (ctx, { params, query }) => {
      const { name } = await findTenant(params.id);
      return writeOrPreview(ctx, query, { action: "delete", kind: "Tenant", name, tenant: name }, deps, () => undefined);
    },
    "tenants.quota": (_ctx, { params }) => deps.transactions.platform(async (tx) => quotaOf(tx, await tx.tenants.get(params.id))),
    "tenants.setQuota": async (ctx, { params, body, query }) => {
      const { name, spec, resourceVersion } = await findTenant(params.id);
      // On the version whose other settings are written back.
      const metadata = { name, resourceVersion: String(resourceVersion) };
      const manifest = { apiVersion: API_VERSION, kind: "Tenant", metadata, spec: { ...spec, quota: body } } as const;
      return writeOrPreview(ctx, query, applied(ctx, manifest, { expect: "present" }), deps, ({ after }, tx) =>
        quotaOf(tx, after as Tenant),
      );
    },

    "projects.list": async (ctx, { query }) => {
      const { id, name } = tenantIn(ctx);
      return deps.transactions.tenant(id, async (tx) => {
        const page = await tx.projects.list(query);
        const counts = await tx.instances.countByProject();
        return { ...page, items: page.items.map((project) => presentProject(project, name, counts.get(project.id) ?? 0)) };
      });
    },
    "projects.create": (ctx, { body, query }) =>
      writeOrPreview(ctx, query, applied(ctx, body, { expect: "absent" }), deps, presentProjectWritten),
    "projects.get": async (ctx, { params }) => {
      const { id, name } = tenantIn(ctx);
      return deps.transactions.tenant(id, async (tx) => presentOwn(tx, name, await tx.projects.get(params.id)));
    },
    "projects.replace": async (ctx, { params, body, query }) => {
      assertSameName(body, await findProject(ctx, params.id));
      return writeOrPreview(ctx, query, applied(ctx, body, { expect: "present" }), deps, presentProjectWritten);
    },
    "projects.delete": async (ctx, { params, query }) => {
      const { name } = await findProject(ctx, params.id);
      return writeOrPreview(ctx, query, { action: "delete", kind: "Project", name, tenant: tenantIn(ctx).name }, deps, () => undefined);
    },
  };
}
