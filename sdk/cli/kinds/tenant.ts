import type { Tenant } from "../../contract/index.ts";
import { ageColumn, nameColumn, type ResourceKind, wideColumns } from "./kind.ts";

/** Tenants. */
export const tenantKind: ResourceKind<Tenant> = {
  kind: "Tenant",
  scope: "itself",
  permissions: "tenants",
  word: "tenant",
  aliases: ["tenants", "ten"],
  name: (t) => `tenant/${t.metadata.name}`,
  columns: [
    nameColumn,
    { header: "INSTANCES", value: (t) => `${t.status.instances}/${t.spec.quota.instances ?? "∞"}` },
    { header: "POLICIES", value: (t) => String(t.spec.policies.length) },
    ageColumn,
    { header: "DISPLAY NAME", wide: true, value: (t) => t.spec.displayName ?? "-" },
    ...wideColumns,
  ],
  list: (claw, query, signal) => claw.tenants.list(query, { signal }),
  get: (claw, name, signal) => claw.tenants.get(name, { signal }),
};
