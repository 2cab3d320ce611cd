import type { EntitySchema } from "typeorm";
import { ClawError, type ErrorCode, factsOf, type ListQuery, type ManifestKind, type ProjectId } from "../../../sdk/contract/index.ts";
import type { Page, Ref } from "../../../service/application/ports/resources/page.ts";
import type { StoredResource } from "../../../service/domain/resource.ts";
import type { MetadataRow } from "../entities/columns.ts";
import { type Listing, listPage } from "../list-page.ts";
import type { Scope } from "../session.ts";
import { columnOf, insertRow, notFound, updateRow } from "./rows.ts";

/** How a kind's resources are rows. */
export interface PlainTable<Row extends MetadataRow & { id: string }, S extends StoredResource> {
  readonly kind: ManifestKind;
  readonly table: string;
  readonly entity: EntitySchema<Row>;
  /** The project that one is of, in SQL on the row `r`, for lists of some projects alone. */
  readonly project?: string;
  /** Which rows, named `r`, a list has; all that are seen when absent. */
  readonly where?: string;
  toDomain(row: Row): S;
  toRow(resource: S): Row;
}

/** The rows of a kind that has nothing to them but what every kind has. */
export class PlainRows<Row extends MetadataRow & { id: string }, S extends StoredResource> {
  protected readonly scope: Scope;
  readonly #own: PlainTable<Row, S>;
  readonly #listing: Listing;

  constructor(scope: Scope, own: PlainTable<Row, S>) {
    this.scope = scope;
    this.#own = own;
    this.#listing = {
      columns: "r.*",
      from: `${own.table} r`,
      ...(own.where !== undefined && { where: own.where }),
      id: "r.id",
      labels: "r.labels",
      ...(own.project !== undefined && { project: own.project }),
      fields: { "metadata.name": { sql: "r.name" }, "metadata.uid": { sql: "r.id" } },
      sorts: {
        "metadata.name": { sql: "r.name", type: "text" },
        "metadata.createdAt": { sql: "r.created_at", type: "timestamptz" },
        "metadata.updatedAt": { sql: "r.updated_at", type: "timestamptz" },
      },
    };
  }

  list(query: ListQuery, projects?: readonly ProjectId[]): Promise<Page<S>> {
    return this.scope.run((manager) => listPage<Row, S>(manager, this.#listing, query, this.#own.toDomain, projects));
  }

  async get(ref: Ref): Promise<S> {
    const found = await this.find(ref);
    if (!found) {
      throw await notFound(this.scope, this.#own.kind, this.#own.table, ref);
    }
    return found;
  }

  async find(ref: Ref): Promise<S | undefined> {
    const { kind, table, toDomain } = this.#own;
    const sql = `select * from ${table} where ${columnOf(kind, ref)} = $1`;
    const [row] = await this.scope.run((manager) => manager.query<Row[]>(sql, [ref]));
    return row && toDomain(row);
  }

  async insert(resource: S): Promise<void> {
    const { entity, kind, toRow } = this.#own;
    if (!(await this.scope.run((manager) => insertRow<Row>(manager, entity, toRow(resource))))) {
      const { area, noun } = factsOf(kind);
      throw new ClawError(`${area}.name_taken` as ErrorCode, `there is a ${noun} '${resource.name}' already; choose another name`);
    }
  }

  update(resource: S, expected: number): Promise<void> {
    const { entity, kind, toRow } = this.#own;
    return this.scope.run((manager) => updateRow<Row & { name: string }>(manager, entity, toRow(resource), expected, factsOf(kind).noun));
  }

  async delete(id: S["id"]): Promise<void> {
    await this.scope.run((manager) => manager.query(`delete from ${this.#own.table} where id = $1`, [id]));
  }
}
