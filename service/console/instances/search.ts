import { COLUMNS, type Column } from "./columns.ts";
import { SORTS, type Sort, STANDINGS, type Standing } from "./state.ts";

/** What the address of the table says: whoever opens a link sees the same. */
export interface InstancesSearch {
  readonly q?: string | undefined;
  readonly state?: Standing | undefined;
  readonly labels?: string | undefined;
  readonly sort?: Sort | undefined;
  readonly desc?: boolean | undefined;
  /** Those that are shown beside name and state, in their order; the usual ones where it is absent. */
  readonly columns?: readonly Column[] | undefined;
}

/** Of an address that somebody wrote, what there is. */
export function instancesSearch(search: Readonly<Record<string, unknown>>): InstancesSearch {
  const text = (value: unknown) =>
    typeof value === "string" || typeof value === "number" ? String(value).slice(0, 1000) || undefined : undefined;
  return {
    q: text(search["q"]),
    state: STANDINGS.find((standing) => standing === search["state"]),
    labels: text(search["labels"]),
    sort: SORTS.find((sort) => sort === search["sort"]),
    desc: search["desc"] === true ? true : undefined,
    columns: Array.isArray(search["columns"])
      ? COLUMNS.filter((column) => (search["columns"] as readonly unknown[]).includes(column))
      : undefined,
  };
}
