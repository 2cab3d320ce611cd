import {
  type ConfigTemplateId,
  ConfigTemplateSpecSchema,
  type ConfigValuesId,
  ConfigValuesSpecSchema,
  newId,
  type ProjectId,
  type TenantId,
} from "../../../sdk/contract/index.ts";
import type { TenantTransaction, Transactions } from "../../../service/application/ports/transactions.ts";
import type { ConfigTemplate } from "../../../service/domain/configs/config-template.ts";
import type { StoredConfigValues } from "../../../service/domain/configs/config-values.ts";
import type { Project, Tenant } from "../../../service/domain/tenancy/tenant.ts";

const CREATED = "2026-01-01T00:00:00.000Z";
const stored = { labels: {}, annotations: {}, generation: 1, resourceVersion: 1, createdAt: CREATED, updatedAt: CREATED };

export function aTenant(over: Partial<Tenant> = {}): Tenant {
  const id: TenantId = newId("ten");
  return { id, name: uniqueName("tenant"), ...stored, spec: { quota: {}, policies: [], admins: [] }, ...over };
}

export function aProject(over: Partial<Project> & Pick<Project, "tenantId">): Project {
  const id: ProjectId = newId("prj");
  return { id, name: "default", ...stored, spec: { quota: {} }, ...over };
}

export function aConfigTemplate(over: Partial<ConfigTemplate> & Pick<ConfigTemplate, "tenantId">): ConfigTemplate {
  const id: ConfigTemplateId = newId("cfg");
  const spec = ConfigTemplateSpecSchema.parse({ adapter: "EchoAdapter" });
  return { id, name: uniqueName("template"), ...stored, spec, publishedVersion: 0, publishedDigest: undefined, ...over };
}

/** Of the tenant as a whole, unless it is said where. */
export function someConfigValues(over: Partial<StoredConfigValues> & Pick<StoredConfigValues, "tenantId">): StoredConfigValues {
  const id: ConfigValuesId = newId("val");
  const spec = ConfigValuesSpecSchema.parse({ values: [{ key: "k", value: 1 }] });
  return { id, name: uniqueName("values"), ...stored, spec, projectId: undefined, instanceId: undefined, settings: {}, ...over };
}

/** Stores a tenant with its default project. */
export async function storeTenant(
  transactions: Transactions,
  over: Partial<Tenant> = {},
): Promise<{ readonly tenant: Tenant; readonly project: Project; run<T>(work: (tx: TenantTransaction) => Promise<T>): Promise<T> }> {
  const tenant = aTenant(over);
  const project = aProject({ tenantId: tenant.id });
  await transactions.platform(async (tx) => {
    await tx.tenants.insert(tenant);
    await (await tx.enter(tenant.id)).projects.insert(project);
  });
  return { tenant, project, run: (work) => transactions.tenant(tenant.id, work) };
}

let count = 0;
export function uniqueName(prefix: string): string {
  count++;
  return `${prefix}-${count}-${newId("x").slice(-6).toLowerCase()}`;
}
