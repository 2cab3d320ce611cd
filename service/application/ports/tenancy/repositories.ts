import type { ListQuery, ProjectId, TenantId } from "../../../../sdk/contract/index.ts";
import type { Project, Tenant } from "../../../domain/tenancy/tenant.ts";
import type { Page, PageQuery, Ref } from "../resources/page.ts";

/** Common rules: `find` answers undefined, `get` throws `<area>.not_found`; `insert` throws `<area>.name_taken`; `update` writes the row when its stored resourceVersion is still `expected` and throws `resource.version_conflict` otherwise. Ids, versions and times are set by the caller. */
export interface TenantRepository {
  list(query: ListQuery): Promise<Page<Tenant>>;
  get(ref: Ref): Promise<Tenant>;
  find(ref: Ref): Promise<Tenant | undefined>;
  /** Names of those that have an instance which uses a config template of that name, or is of that claw type. */
  listUsing(use: { readonly template: string } | { readonly type: string }, page: PageQuery): Promise<Page<Tenant["name"]>>;
  /** Locks the tenant's row until the transaction ends: quota decisions queue up behind it. */
  lock(id: TenantId): Promise<Tenant>;
  insert(tenant: Tenant): Promise<void>;
  update(tenant: Tenant, expected: number): Promise<void>;
  /** Removes the tenant with all that is stored of it, its empty stacks too. @throws {tenant.not_empty}, {stack.locked} */
  delete(id: TenantId): Promise<void>;
  /** How many instances each of the tenants has that has any, those that are being deleted too. */
  /** The name of the tenant that comes after this one, by name. */
  nextAfter(name: string): Promise<string | undefined>;
  countInstances(ids: readonly TenantId[]): Promise<ReadonlyMap<TenantId, number>>;
}
export interface ProjectRepository {
  /** @param projects only these */
  list(query: ListQuery, projects?: readonly ProjectId[]): Promise<Page<Project>>;
  get(ref: Ref): Promise<Project>;
  find(ref: Ref): Promise<Project | undefined>;
  insert(project: Project): Promise<void>;
  update(project: Project, expected: number): Promise<void>;
  /** @throws {project.not_empty} */
  delete(id: ProjectId): Promise<void>;
}
