import { keep, read } from "../app/kept.ts";
import { type InstancesSearch, instancesSearch } from "./search.ts";

/** A filter, an order and columns under a name, kept in somebody's browser. A colleague gets them by the address. */
export interface View {
  readonly name: string;
  readonly search: InstancesSearch;
}

const VIEWS_MAX = 50;
const placeOf = (tenant: string) => `claw.views.${tenant}`;

/** Of what the browser has kept, what can be read. */
export function viewsOf(tenant: string): readonly View[] {
  try {
    const kept = JSON.parse(read(placeOf(tenant)) ?? "[]") as readonly Partial<View>[];
    return kept.flatMap(({ name, search }) => (typeof name === "string" ? [{ name, search: instancesSearch({ ...search }) }] : []));
  } catch {
    return [];
  }
}

/** One of the same name is replaced. */
export function keepView(tenant: string, view: View): void {
  const others = viewsOf(tenant).filter(({ name }) => name !== view.name);
  keep(placeOf(tenant), JSON.stringify([...others, view].slice(-VIEWS_MAX)));
}

export function forgetView(tenant: string, name: string): void {
  keep(placeOf(tenant), JSON.stringify(viewsOf(tenant).filter((view) => view.name !== name)));
}
