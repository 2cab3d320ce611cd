import type { Role, RoleBinding, ServiceAccount } from "../../contract/index.ts";
import { ageColumn, nameColumn, type ResourceKind, wideColumns } from "./kind.ts";

/** Service accounts. */
export const serviceAccountKind: ResourceKind<ServiceAccount> = {
  kind: "ServiceAccount",
  scope: "tenant",
  permissions: "access",
  word: "serviceaccount",
  aliases: ["serviceaccounts", "sa"],
  name: (a) => `serviceaccount/${a.metadata.name}`,
  columns: [
    nameColumn,
    { header: "TOKENS", value: (a) => String(a.status.tokens) },
    ageColumn,
    { header: "DESCRIPTION", wide: true, value: (a) => a.spec.description ?? "-" },
    ...wideColumns,
  ],
  list: (claw, query, signal) => claw.serviceAccounts.list(query, { signal }),
  get: (claw, name, signal) => claw.serviceAccounts.get(name, { signal }),
};

/** Roles of one's own: those that are always there are listed by 'claw auth roles'. */
export const roleKind: ResourceKind<Role> = {
  kind: "Role",
  scope: "tenant",
  permissions: "access",
  word: "role",
  aliases: ["roles"],
  name: (r) => `role/${r.metadata.name}`,
  columns: [
    nameColumn,
    { header: "PERMISSIONS", value: (r) => String(r.spec.permissions.length) },
    ageColumn,
    { header: "DESCRIPTION", wide: true, value: (r) => r.spec.description ?? "-" },
    ...wideColumns,
  ],
  list: (claw, query, signal) => claw.roles.list(query, { signal }),
  get: (claw, name, signal) => claw.roles.get(name, { signal }),
};

/** Who has which role where. */
export const roleBindingKind: ResourceKind<RoleBinding> = {
  kind: "RoleBinding",
  scope: "tenant",
  permissions: "access",
  word: "rolebinding",
  aliases: ["rolebindings", "rb"],
  name: (b) => `rolebinding/${b.metadata.name}`,
  columns: [
    nameColumn,
    { header: "ROLE", value: (b) => b.spec.role },
    { header: "AT", value: ({ spec: { at } }) => (typeof at === "string" ? at : `project ${at.project}`) },
    { header: "SUBJECTS", value: (b) => b.spec.subjects.map(({ kind, name }) => `${kind} ${name}`).join(", ") },
    ageColumn,
    ...wideColumns,
  ],
  list: (claw, query, signal) => claw.roleBindings.list(query, { signal }),
  get: (claw, name, signal) => claw.roleBindings.get(name, { signal }),
};
