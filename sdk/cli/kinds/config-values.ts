import type { ConfigValues } from "../../contract/index.ts";
import { ageColumn, nameColumn, type ResourceKind, wideColumns } from "./kind.ts";

/** Config values that many instances share. */
export const valuesKind: ResourceKind<ConfigValues> = {
  kind: "ConfigValues",
  scope: "tenant",
  permissions: "values",
  word: "values",
  aliases: ["configvalues", "value", "val"],
  name: (v) => `values/${v.metadata.name}`,
  columns: [
    nameColumn,
    { header: "AT", value: ({ spec: { at } }) => placeOf(at) },
    { header: "VALUES", value: (v) => String(v.spec.values.length) },
    { header: "LOCKED", value: (v) => String(v.spec.values.filter(({ locked }) => locked).length) },
    ageColumn,
    { header: "DESCRIPTION", wide: true, value: (v) => v.spec.description ?? "-" },
    ...wideColumns,
  ],
  list: (claw, query, signal) => claw.values.list(query, { signal }),
  get: (claw, name, signal) => claw.values.get(name, { signal }),
};

function placeOf(at: ConfigValues["spec"]["at"]): string {
  return typeof at === "string" ? at : "project" in at ? `project ${at.project}` : `instance ${at.instance}`;
}
