import { API_VERSION } from "../../sdk/contract/index.ts";
import { showUsage } from "../domain/tenancy/quota.ts";
import type { Project, Tenant } from "../domain/tenancy/tenant.ts";
import type { ApplicationDependencies } from "./dependencies.ts";
import type { Operations, RequestContext } from "./operations.ts";
import { presentProject, presentTenant } from "./present.ts";
import { applied, assertSameName, tenantIn, writeOrPreview } from "./requests.ts";
import type { Written } from "./write-context.ts";

type TenantOperations = Pick<Operations, Extract<keyof Operations, `tenants.${string}` | `projects.${string}`>>;

export function tenantOperations(deps: ApplicationDependencies): TenantOperations {
  const findTenant = (ref: string) => deps.transactions.platform((tx) => tx.tenants.get(ref));
  const findProject = (ctx: RequestContext, ref: string) => deps.transactions.tenant(tenantIn(ctx).id, (tx) => tx.projects.get(ref));
  const quotaOf = async (tenant: Tenant) => {
    const used = await deps.transactions.tenant(tenant.id, (tx) => tx.instances.usage());
    return { hard: tenant.spec.quota, used: showUsage(used) };
  };
  const countIn = (tenants: readonly Tenant[]) =>
    deps.transactions.platform((tx) => tx.tenants.countInstances(tenants.map(({ id }) => id)));
  const presentOne = async (tenant: Tenant) => presentTenant(tenant, (await countIn([tenant])).get(tenant.id) ?? 0);
  const countOwn = (ctx: RequestContext) => deps.transactions.tenant(tenantIn(ctx).id, (tx) => tx.instances.countByProject());
  const presentOwn = async (ctx: RequestContext, project: Project) =>
    presentProject(project, tenantIn(ctx).name, (await countOwn(ctx)).get(project.id) ?? 0);
  const presentTenantWritten = ({ after }: Written) => presentOne(after as Tenant);
  const presentProjectWritten =
    (ctx: RequestContext) =>
    ({ after }: Written) =>
      presentOwn(ctx, after as Project);

  return {
    "tenants.list": async (_ctx, { query }) => {
      const page = await deps.transactions.platform((tx) => tx.tenants.list(query));
      const counts = await countIn(page.items);
      return { ...page, items: page.items.map((tenant) => presentTenant(tenant, counts.get(tenant.id) ?? 0)) };
    },
    "tenants.create": (ctx, { body, query }) =>
      writeOrPreview(ctx, query, applied(ctx, body, { expect: "absent" }), deps, presentTenantWritten),
    "tenants.get": async (_ctx, { params }) => presentOne(await findTenant(params.id)),
    "tenants.replace": async (ctx, { params, body, query }) => {
      assertSameName(body, await findTenant(params.id));
      return writeOrPreview(ctx, query, applied(ctx, body, { expect: "present" }), deps, presentTenantWritten);
    },
    "tenants.delete": async (ctx, { params, query }) => {
      const { name } = await findTenant(params.id);
      return writeOrPreview(ctx, query, { action: "delete", kind: "Tenant", name, tenant: name }, deps, () => undefined);
    },
    "tenants.quota": async (_ctx, { params }) => quotaOf(await findTenant(params.id)),
    "tenants.setQuota": async (ctx, { params, body, query }) => {
      const { name, spec, resourceVersion } = await findTenant(params.id);
      // On the version whose other settings are written back.
      const metadata = { name, resourceVersion: String(resourceVersion) };
      const manifest = { apiVersion: API_VERSION, kind: "Tenant", metadata, spec: { ...spec, quota: body } } as const;
      return writeOrPreview(ctx, query, applied(ctx, manifest, { expect: "present" }), deps, ({ after }) => quotaOf(after as Tenant));
    },

    "projects.list": async (ctx, { query }) => {
      const { id, name } = tenantIn(ctx);
      const page = await deps.transactions.tenant(id, (tx) => tx.projects.list(query));
      const counts = await countOwn(ctx);
      return { ...page, items: page.items.map((project) => presentProject(project, name, counts.get(project.id) ?? 0)) };
    },
    "projects.create": (ctx, { body, query }) =>
      writeOrPreview(ctx, query, applied(ctx, body, { expect: "absent" }), deps, presentProjectWritten(ctx)),
    "projects.get": async (ctx, { params }) => presentOwn(ctx, await findProject(ctx, params.id)),
    "projects.replace": async (ctx, { params, body, query }) => {
      assertSameName(body, await findProject(ctx, params.id));
      return writeOrPreview(ctx, query, applied(ctx, body, { expect: "present" }), deps, presentProjectWritten(ctx));
    },
    "projects.delete": async (ctx, { params, query }) => {
      const { name } = await findProject(ctx, params.id);
      return writeOrPreview(ctx, query, { action: "delete", kind: "Project", name, tenant: tenantIn(ctx).name }, deps, () => undefined);
    },
  };
}
