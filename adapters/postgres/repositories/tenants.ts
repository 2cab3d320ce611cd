import { ClawError, type ListQuery, type TenantId } from "../../../sdk/contract/index.ts";
import type { Page, PageQuery, Ref } from "../../../service/application/ports/resources/page.ts";
import type { TenantRepository } from "../../../service/application/ports/tenancy/repositories.ts";
import type { Tenant } from "../../../service/domain/tenancy/tenant.ts";
import { cliStateTable } from "../cli-state.ts";
import { fromMetadata, toMetadata } from "../entities/columns.ts";
import { TenantEntity, type TenantRow } from "../entities/tenant.ts";
import { errorCodeOf } from "../errors.ts";
import { type Listing, listPage, readPage } from "../list-page.ts";
import type { Scope, Unit } from "../session.ts";
import { boundedQuantities, columnOf, insertRow, updateRow } from "./rows.ts";

const listing: Listing = {
  columns: "t.*",
  from: "tenants t",
  id: "t.id",
  labels: "t.labels",
  fields: { "metadata.name": { sql: "t.name" }, "metadata.uid": { sql: "t.id" } },
  sorts: {
    "metadata.name": { sql: "t.name", type: "text" },
    "metadata.createdAt": { sql: "t.created_at", type: "timestamptz" },
    "metadata.updatedAt": { sql: "t.updated_at", type: "timestamptz" },
  },
};

export class PostgresTenantRepository implements TenantRepository {
  readonly #scope: Scope;
  readonly #session: Unit;
  /** By id and by name: a write asks for its tenant again and again, and each time the transaction would change its role for it. */
  readonly #known = new Map<Ref, Tenant>();

  constructor(scope: Scope, session: Unit) {
    this.#scope = scope;
    this.#session = session;
  }

  list(query: ListQuery): Promise<Page<Tenant>> {
    return this.#scope.run((manager) => listPage<TenantRow, Tenant>(manager, listing, query, toTenant));
  }

  async get(ref: Ref): Promise<Tenant> {
    return found(await this.find(ref), ref);
  }

  async find(ref: Ref): Promise<Tenant | undefined> {
    const known = this.#known.get(ref);
    if (known) {
      return known;
    }
    const column = columnOf("Tenant", ref);
    const [row] = await this.#scope.run((manager) => manager.query<TenantRow[]>(`select * from tenants where ${column} = $1`, [ref]));
    const tenant = row && toTenant(row);
    if (tenant) {
      this.#known.set(tenant.id, tenant).set(tenant.name, tenant);
    }
    return tenant;
  }

  listUsing(use: { readonly template: string } | { readonly type: string }, { limit, cursor }: PageQuery): Promise<Page<string>> {
    return this.#scope.run((manager) =>
      readPage<Pick<TenantRow, "name">, string>(manager, {
        rowsAfter: (after) => ({
          sql: `select t.name from tenants t where ($2::text is null or t.name > $2)
            and exists (select from instances i where i.tenant_id = t.id and ${"type" in use ? "i.type" : "i.template"} = $1)`,
          parameters: ["type" in use ? use.type : use.template, after ?? null],
        }),
        cursor,
        order: "t.name",
        limit,
        toDomain: ({ name }) => name,
        cursorOf: ({ name }) => name,
      }),
    );
  }

  async nextAfter(name: string): Promise<string | undefined> {
    const sql = `select name from tenants where name > $1 order by name limit 1`;
    const [row] = await this.#scope.run((manager) => manager.query<{ name: string }[]>(sql, [name]));
    return row?.name;
  }

  async lock(id: TenantId): Promise<Tenant> {
    // Weaker than `for update`, so that foreign keys of others' inserts need not wait; it excludes itself, which is the point.
    const rows = await this.#scope.run((manager) =>
      manager.query<TenantRow[]>(`select * from tenants where id = $1 for no key update`, [id]),
    );
    return found(rows[0] && toTenant(rows[0]), id);
  }

  async insert(tenant: Tenant): Promise<void> {
    if (!(await this.#scope.run((manager) => insertRow(manager, TenantEntity, toRow(tenant))))) {
      throw new ClawError("tenant.name_taken", `there is a tenant '${tenant.name}' already; choose another name`);
    }
  }

  update(tenant: Tenant, expected: number): Promise<void> {
    this.#known.clear();
    return this.#scope.run((manager) => updateRow(manager, TenantEntity, toRow(tenant), expected, "tenant"));
  }

  async delete(id: TenantId): Promise<void> {
    this.#known.clear();
    await this.#assertEmpty(id);
    await this.#deleteStacks(id);
    await this.#scope.run(async (manager) => {
      await manager.query(`delete from idempotency_keys where tenant_id = $1`, [id]);
      // An instance that was created since is caught by its foreign key.
      await manager.query(`delete from tenants where id = $1`, [id]).catch((error: unknown) => {
        throw errorCodeOf(error) === "23503" ? notEmpty([], error) : error;
      });
    });
  }

  async countInstances(ids: readonly TenantId[]): Promise<ReadonlyMap<TenantId, number>> {
    const rows = await this.#scope.run((manager) =>
      manager.query<{ tenant_id: TenantId; count: string }[]>(
        `select tenant_id, count(tenant_id) from instances where tenant_id = any($1) group by tenant_id`,
        [ids],
      ),
    );
    return new Map(rows.map(({ tenant_id, count }) => [tenant_id, Number(count)]));
  }

  async #assertEmpty(id: TenantId): Promise<void> {
    await this.#scope.run(async (manager) => {
      const left = await manager.query<{ name: string }[]>(`select name from instances where tenant_id = $1 order by name limit 4`, [id]);
      if (left.length > 0) {
        throw notEmpty(left.map((row) => row.name));
      }
    });
  }

  /** Without instances, a tenant's stacks hold no more than their own roots. They are seen by the tenant alone. */
  async #deleteStacks(id: TenantId): Promise<void> {
    await this.#session.tenant(id).run(async (manager) => {
      await manager.query(`delete from engine_stacks where tenant_id = $1 and (lease_expires_at is null or lease_expires_at < now())`, [
        id,
      ]);
      const [locked] = await manager.query<{ stack: string }[]>(`select stack from engine_stacks where tenant_id = $1 limit 1`, [id]);
      if (locked) {
        throw new ClawError(
          "stack.locked",
          `an operation on the tenant's stack '${locked.stack}' is under way; try again when it has ended`,
        );
      }
    });
    // The CLI made it, where it kept one of them.
    await this.#scope.run((manager) => manager.query(`select claw_cli.drop_state($1)`, [cliStateTable(id)]));
  }
}

function notEmpty(names: readonly string[], cause?: unknown): ClawError {
  const which = names.length > 0 ? `: ${names.slice(0, 3).join(", ")}${names.length > 3 ? ", …" : ""}` : "";
  return new ClawError("tenant.not_empty", `the tenant still has instances${which}; destroy them first`, { cause });
}

function found(tenant: Tenant | undefined, ref: Ref): Tenant {
  if (!tenant) {
    throw new ClawError("tenant.not_found", `there is no tenant '${ref}'`);
  }
  return tenant;
}

export function toTenant(row: TenantRow): Tenant {
  return { id: row.id, ...toMetadata(row), spec: { ...row.spec, quota: boundedQuantities(row.spec.quota) } };
}

function toRow(tenant: Tenant): TenantRow {
  return { id: tenant.id, ...fromMetadata(tenant), spec: tenant.spec };
}
