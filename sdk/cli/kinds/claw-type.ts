import type { ClawType } from "../../contract/index.ts";
import { ageColumn, nameColumn, type ResourceKind, wideColumns } from "./kind.ts";

/** Claw types that are brought as resources: a tenant's own, and those of the platform. */
export const clawTypeKind: ResourceKind<ClawType> = {
  kind: "ClawType",
  scope: "tenant",
  permissions: "types",
  word: "type",
  aliases: ["types", "clawtype", "clawtypes"],
  name: (t) => `type/${t.metadata.name}`,
  columns: [
    nameColumn,
    { header: "VERSION", value: (t) => t.spec.version },
    { header: "SOFTWARE", value: ({ spec: { software } }) => (software.source === "npm" ? `npm ${software.package}` : software.source) },
    { header: "DESCRIPTION", value: (t) => t.spec.description || "-" },
    ageColumn,
    { header: "TENANT", wide: true, value: (t) => t.metadata.namespace ?? "-" },
    ...wideColumns,
  ],
  list: (claw, query, signal) => claw.clawTypes.list(query, { signal }),
  get: (claw, name, signal) => claw.clawTypes.get(name, { signal }),
};
