import type { EntityManager } from "typeorm";
import type { ProjectId } from "../../sdk/contract/index.ts";
import type { Page, Selection } from "../../service/application/ports/resources/page.ts";
import { invalidQuery, type LabelTerm, parseFieldSelector, parseLabelSelector } from "./selectors.ts";

/** What can be selected, filtered and sorted in a list. All SQL text in it is ours: requests only choose from it. */
export interface Listing {
  readonly columns: string;
  readonly from: string;
  /** A condition that the list itself has. */
  readonly where?: string;
  /** The tie-breaker of every sort. */
  readonly id: string;
  readonly labels: string;
  /** The project that a row is of, where it is of one. */
  readonly project?: string;
  /** Contract path → what a field selector compares. `values` are the only ones it can have. */
  readonly fields: Readonly<Record<string, { readonly sql: string; readonly ignoreCase?: true; readonly values?: readonly string[] }>>;
  /** Contract path → what it sorts by: a column that is never null. The first is the default. */
  readonly sorts: Readonly<Record<string, { readonly sql: string; readonly type: "text" | "timestamptz" }>>;
}

/**
 * One page, by key and not by offset: rows that come or go meanwhile neither repeat nor hide others.
 * @param projects only rows of these @throws {ClawError} `request.invalid` for a selector, sort or cursor that can't be
 */
export async function listPage<Row extends { id: string }, T>(
  manager: EntityManager,
  listing: Listing,
  query: Selection,
  toDomain: (row: Row) => T,
  projects?: readonly ProjectId[],
): Promise<Page<T>> {
  const parameters: unknown[] = [];
  const bind = (value: unknown) => `$${parameters.push(value)}`;
  const sort = sortOf(listing, query.sort);
  const conditions = [
    listing.where ?? "true",
    ...(query.uids ? [`${listing.id} = any(${bind(query.uids)}::text[])`] : []),
    ...(projects ? [`${listing.project} = any(${bind(projects)}::text[])`] : []),
    ...(query.labelSelector ? parseLabelSelector(query.labelSelector).map((term) => labelCondition(listing, term, bind)) : []),
    ...(query.fieldSelector ? fieldConditions(listing, query.fieldSelector, bind) : []),
  ];
  const direction = sort.descending ? "desc" : "asc";
  const rows = `select ${listing.columns}, ${sort.sql} as sort_key from ${listing.from} where ${conditions.join(" and ")}`;
  const [key, id] = [`$${parameters.length + 1}::${sort.type}`, `$${parameters.length + 2}`];
  const later = `${rows} and (${sort.sql}, ${listing.id}) ${sort.descending ? "<" : ">"} (${key}, ${id})`;
  return readPage<Row & { sort_key: string | Date }, T>(manager, {
    rowsAfter(cursor) {
      if (cursor === undefined) {
        return { sql: rows, parameters };
      }
      const after = parseCursor(cursor, sort);
      return { sql: later, parameters: [...parameters, after.key, after.id] };
    },
    cursor: query.cursor,
    order: `sort_key ${direction}, id ${direction}`,
    limit: query.limit,
    toDomain,
    cursorOf: (last) => formatCursor(sort, last),
  });
}

/** What the rows of a page come to at most; a row that is larger is a page of its own. */
export const PAGE_BYTES_MAX = 1024 * 1024;
/** Rows that are measured before it is known how large they are: most pages are of that many, and one statement then. */
const FIRST_ROWS = 25;

type Measured<Row> = Row & { readonly page_bytes: number };

/**
 * Reads a page of a query's rows: as many as it may have, and as fit into its bytes, at least one, and the one that does not any more. They come in portions, each a statement that
 * goes on behind the last row: to measure a row, the database unpacks it.
 */
export async function readPage<Row extends object, T>(
  manager: EntityManager,
  page: {
    /** The rows behind a cursor, or all of them. */
    readonly rowsAfter: (cursor: string | undefined) => { readonly sql: string; readonly parameters: readonly unknown[] };
    readonly cursor: string | undefined;
    readonly order: string;
    readonly limit: number;
    readonly toDomain: (row: Row) => T;
    readonly cursorOf: (last: Row) => string;
  },
): Promise<Page<T>> {
  const { rowsAfter, order, limit, toDomain, cursorOf } = page;
  const rows: Row[] = [];
  let bytes = 0;
  // Whether one came that is not of this page any more.
  let isMore = false;
  let cursor = page.cursor;
  let count = FIRST_ROWS;
  do {
    const { sql, parameters } = rowsAfter(cursor);
    count = Math.min(count, limit + 1 - rows.length);
    const [most, room] = [`$${parameters.length + 1}::integer`, `$${parameters.length + 2}::bigint`];
    const portion = await manager.query<Measured<Row>[]>(
      `select * from (
         select measured.*, row_number() over () as page_place, sum(page_bytes) over (rows between unbounded preceding and 1 preceding) as page_taken from (
           select counted.*, octet_length(counted::text) as page_bytes from (${sql} order by ${order} limit ${most}) counted) measured) taken
       where page_place <= 2 or page_taken <= ${room}`,
      [...parameters, count, PAGE_BYTES_MAX - bytes],
    );
    for (const row of portion) {
      isMore ||= rows.length === limit || (rows.length > 0 && bytes + row.page_bytes > PAGE_BYTES_MAX);
      if (!isMore) {
        rows.push(row);
        bytes += row.page_bytes;
      }
    }
    const last = rows.at(-1);
    cursor = last && cursorOf(last);
    const isWhole = portion.length === count;
    count = isWhole && !isMore ? portionAfter(rows.length, bytes) : 0;
  } while (count > 0);
  const items = rows.map(toDomain);
  return isMore && cursor !== undefined ? { items, nextCursor: cursor } : { items };
}

/** How many more rows are about to fit, by those that came. */
function portionAfter(rows: number, bytes: number): number {
  return Math.max(1, Math.ceil(((PAGE_BYTES_MAX - bytes) * rows) / bytes));
}

interface Sort {
  readonly name: string;
  readonly sql: string;
  readonly type: "text" | "timestamptz";
  readonly descending: boolean;
}

function sortOf(listing: Listing, requested: string | undefined): Sort {
  const name = requested ?? Object.keys(listing.sorts)[0] ?? "";
  const descending = name.startsWith("-");
  const field = descending ? name.slice(1) : name;
  // Only what is ours: every object has a 'constructor'.
  const sort = Object.hasOwn(listing.sorts, field) ? listing.sorts[field] : undefined;
  if (!sort) {
    const allowed = Object.keys(listing.sorts).join(", ");
    throw invalidQuery("sort", `can't sort by '${name}'`, `use one of ${allowed}, with '-' before it for descending`);
  }
  return { name, ...sort, descending };
}

function labelCondition(listing: Listing, term: LabelTerm, bind: (value: unknown) => string): string {
  const label = `${listing.labels} ->> ${bind(term.key)}`;
  switch (term.operator) {
    case "exists":
      return `(${label}) is not null`;
    case "absent":
      return `(${label}) is null`;
    case "in":
      return `(${label}) = any(${bind(term.values)}::text[])`;
    case "notin":
      return `((${label}) = any(${bind(term.values)}::text[])) is not true`;
  }
}

function fieldConditions(listing: Listing, selector: string, bind: (value: unknown) => string): string[] {
  return parseFieldSelector(selector).map((term) => {
    const field = Object.hasOwn(listing.fields, term.field) ? listing.fields[term.field] : undefined;
    if (!field) {
      const allowed = Object.keys(listing.fields).join(", ");
      throw invalidQuery("fieldSelector", `can't select by '${term.field}'`, `use one of ${allowed}`);
    }
    if (field.values && !field.values.includes(term.value)) {
      const allowed = field.values.join(", ");
      throw invalidQuery("fieldSelector", `'${term.field}' is never '${term.value}'`, `use one of ${allowed}`);
    }
    const [left, right] = [field.sql, `${bind(term.value)}::text`].map((side) => (field.ignoreCase ? `lower(${side})` : side));
    return `${left} ${term.operator === "=" ? "=" : "is distinct from"} ${right}`;
  });
}

function formatCursor(sort: Sort, row: { id: string; sort_key: string | Date }): string {
  const key = row.sort_key instanceof Date ? row.sort_key.toISOString() : row.sort_key;
  return Buffer.from(JSON.stringify([sort.name, key, row.id])).toString("base64url");
}

function parseCursor(cursor: string, sort: Sort): { key: string; id: string } {
  const [name, key, id] = decode(cursor);
  const isKey = typeof key === "string" && (sort.type === "text" || isTimestamp(key));
  if (!isKey || typeof id !== "string" || key.includes("\0") || id.includes("\0")) {
    throw invalidQuery("cursor", "this is not a cursor of this list", "start again without one");
  }
  if (name !== sort.name) {
    throw invalidQuery("cursor", "the cursor belongs to a list with another sort", `repeat the sort '${String(name)}', or start again`);
  }
  return { key, id };
}

/** What `formatCursor` writes of a time: JavaScript takes more than that, and PostgreSQL other things. */
function isTimestamp(text: string): boolean {
  const time = new Date(text);
  return /^\d{4}-/.test(text) && !text.startsWith("0000") && !Number.isNaN(time.getTime()) && time.toISOString() === text;
}

function decode(cursor: string): unknown[] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}

/** The cursor of a list that is in the order of a number. */
export function formatNumberCursor(last: string | number): string {
  return Buffer.from(String(last)).toString("base64url");
}

export function parseNumberCursor(cursor: string, digitsMax = 18): string {
  const number = Buffer.from(cursor, "base64url").toString();
  if (!/^\d+$/.test(number) || number.length > digitsMax) {
    throw invalidQuery("cursor", "this is not a cursor of this list", "start again without one");
  }
  return number;
}
