import type { EntityManager, EntitySchema, ObjectLiteral } from "typeorm";
import type { QueryDeepPartialEntity } from "typeorm/query-builder/QueryPartialEntity.js";
import { boundedQuantity, ClawError, factsOf, type ManifestKind, nearestKey } from "../../../sdk/contract/index.ts";
import type { Scope } from "../session.ts";

/**
 * Inserts a row, and says whether there was place for it. Not by catching the violation: that would end the transaction, and a
 * preview goes on after a name that is taken.
 */
export async function insertRow<Row extends ObjectLiteral>(
  manager: EntityManager,
  entity: EntitySchema<Row>,
  row: Partial<Row>,
): Promise<boolean> {
  const { tableName, columns } = manager.connection.getMetadata(entity);
  const given = columns.filter(({ propertyName }) => propertyName in row);
  const values = given.map(({ propertyName, type }) => {
    const value: unknown = row[propertyName];
    // The driver would take a list for one of PostgreSQL's own.
    return (type === "json" || type === "jsonb") && value !== null ? JSON.stringify(value) : value;
  });
  const names = given.map(({ databaseName }) => databaseName).join(", ");
  // By hand: the query builder takes a good part of what a request costs.
  const inserted = await manager.query<unknown[]>(
    `insert into ${tableName} (${names}) values (${given.map((_, index) => `$${index + 1}`).join(", ")}) on conflict do nothing returning 1`,
    values,
  );
  return inserted.length > 0;
}

/** Updates the row that has this id and still has this version. @throws {ClawError} `resource.version_conflict` */
export async function updateRow<Row extends ObjectLiteral & { id: string; name: string; resource_version: number }>(
  manager: EntityManager,
  entity: EntitySchema<Row>,
  row: Partial<Row> & { id: string; name: string },
  expected: number,
  noun: string,
): Promise<void> {
  const { id, ...changes } = row;
  const result = await manager
    .createQueryBuilder()
    .update(entity)
    .set(changes as unknown as QueryDeepPartialEntity<Row>)
    .where("id = :id and resource_version = :expected", { id, expected })
    .execute();
  if (result.affected === 0) {
    throw new ClawError(
      "resource.version_conflict",
      `${noun} '${row.name}' was changed by somebody else meanwhile; read it again and repeat your change`,
    );
  }
}

/** The column that a reference is in: of the id when it has the kind's prefix, of the name otherwise. */
export function columnOf(kind: ManifestKind, ref: string): "id" | "name" {
  return ref.startsWith(`${factsOf(kind).idPrefix}_`) ? "id" : "name";
}

/** Names that are looked through for the one that was meant. */
const CANDIDATES = 1000;

/** The refusal of a name that the tenant has nothing under; says which one may have been meant. */
export async function notFound(scope: Scope, kind: ManifestKind, table: string, ref: string): Promise<ClawError> {
  const { area, noun } = factsOf(kind);
  const rows = await scope.run((manager) =>
    manager.query<{ name: string }[]>(`select name from ${table} order by abs(length(name) - $1), name limit ${CANDIDATES}`, [ref.length]),
  );
  const message = `there is no ${noun} '${ref}'`;
  const nearest = nearestKey(
    ref,
    rows.map(({ name }) => name),
  );
  const fix = nearest === undefined ? {} : { issues: [{ path: "id", message, fix: `did you mean '${nearest}'?` }] };
  return new ClawError(`${area}.not_found`, message, fix);
}

/** Quantities from before they had a bound are read within it: a row must not spoil the lists that it is in. */
export function boundedQuantities<T extends object>(quantities: T): T {
  const bounded = Object.entries(quantities).map(([name, value]) => [name, typeof value === "string" ? boundedQuantity(value) : value]);
  return Object.fromEntries(bounded) as T;
}
