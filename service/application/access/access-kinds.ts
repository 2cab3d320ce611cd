import {
  API_VERSION,
  type BuiltInRole,
  builtInRole,
  ClawError,
  type Permission,
  permissionFacts,
  roleBindingFacts,
  roleFacts,
  roles,
  serviceAccountFacts,
} from "../../../sdk/contract/index.ts";
import { subjectKey } from "../../domain/access/actor.ts";
import type { BoundRole } from "../../domain/access/grants.ts";
import type { Role, RoleBinding, ServiceAccount } from "../../domain/access/resources.ts";
import { SHARED_TENANT, type Tenant } from "../../domain/tenancy/tenant.ts";
import type { TenantTransaction } from "../ports/transactions.ts";
import { defineKind, ofTenant, REMOVED } from "../resources/define-kind.ts";
import type { ResourceKind, TenantWriter } from "../resources/kind.ts";
import { assertHas } from "../resources/permitted.ts";
import { presentMetadata } from "../resources/present-metadata.ts";
import { invalid } from "../resources/refusals.ts";

export const roleKind: ResourceKind<"Role", Role> = defineKind(roleFacts, ofTenant, {
  rows: (tx) => tx.roles,
  async build({ home, stamp }, { metadata, spec }, before: Role | undefined, base) {
    if (builtInRole(metadata.name)) {
      throw invalid("metadata.name", `the role '${metadata.name}' is always there and can't be changed`, "choose another name");
    }
    const platform =
      home.name === SHARED_TENANT ? [] : spec.permissions.filter((permission) => permissionFacts(permission).scope === "platform");
    if (platform.length > 0) {
      const message = `${platform.join(", ")}: nothing that a tenant's role could give`;
      throw invalid(
        "spec.permissions",
        message,
        `leave it out, or write the role in the tenant '${SHARED_TENANT}', from where it can be given on the platform`,
      );
    }
    // Where it is bound already, more is given with it at once.
    const given = before ? spec.permissions.filter((permission) => !before.spec.permissions.includes(permission)) : spec.permissions;
    assertHas(stamp.actor, wherever(given, home), home, `the role '${metadata.name}'`);
    return { next: { ...base, tenantId: home.id, spec } };
  },
  async remove({ at }, before) {
    await at.roles.delete(before.id);
    return REMOVED;
  },
  present: async (_tx, stored, tenant) =>
    stored.map((role) => ({
      apiVersion: API_VERSION,
      kind: "Role",
      metadata: { ...presentMetadata(role), namespace: tenant },
      spec: role.spec,
      status: { conditions: [] },
    })),
});

/** What a role of this tenant gives at most: one of the shared tenant may be bound everywhere. */
function wherever(permissions: readonly Permission[], { name }: Tenant): BoundRole[] {
  return [{ at: name === SHARED_TENANT ? "platform" : "tenant", role: "", permissions }];
}

export const roleBindingKind: ResourceKind<"RoleBinding", RoleBinding> = defineKind(roleBindingFacts, ofTenant, {
  rows: (tx) => tx.roleBindings,
  async build(writer, { spec }, _before: RoleBinding | undefined, base) {
    const { home, stamp } = writer;
    if (spec.at === "platform" && home.name !== SHARED_TENANT) {
      const message = `a role is given on the whole platform from the tenant '${SHARED_TENANT}' alone`;
      throw invalid("spec.at", message, `write it there (metadata.namespace: ${SHARED_TENANT}), or give it in this tenant: at: tenant`);
    }
    const projectId = typeof spec.at === "string" ? undefined : (await projectNamed(writer, spec.at.project)).id;
    const at = spec.at === "platform" ? "platform" : (projectId ?? "tenant");
    const bound = [{ at, role: spec.role, permissions: await permissionsOf(writer, spec.role) }] as const;
    assertHas(stamp.actor, bound, home, `the role '${spec.role}'`);
    const subjects = spec.subjects.map((subject) => subjectKey(subject, home.name));
    return { next: { ...base, tenantId: home.id, spec, subjects, projectId } };
  },
  async remove({ at }, before) {
    await at.roleBindings.delete(before.id);
    return REMOVED;
  },
  present: async (_tx, stored, tenant) =>
    stored.map((binding) => ({
      apiVersion: API_VERSION,
      kind: "RoleBinding",
      metadata: { ...presentMetadata(binding), namespace: tenant },
      spec: binding.spec,
      status: { conditions: [] },
    })),
});

async function projectNamed({ at, home }: TenantWriter, name: string) {
  const project = await at.projects.find(name);
  if (!project) {
    throw new ClawError("project.not_found", `there is no project '${name}' in tenant '${home.name}'`);
  }
  return project;
}

/** What a role gives that is not always there: one of this tenant, or else one of the shared tenant. */
async function permissionsOf({ tx, at, home }: TenantWriter, name: string): Promise<readonly Permission[] | undefined> {
  if (builtInRole(name)) {
    return undefined;
  }
  const own = await at.roles.find(name);
  const role = own ?? (await (await sharedIn(tx, at, home)).roles.find(name));
  if (!role) {
    const known = (Object.keys(roles) as BuiltInRole[]).join(", ");
    throw new ClawError("role.not_found", `there is no role '${name}'; there always are ${known}`);
  }
  return role.spec.permissions;
}

async function sharedIn(tx: TenantWriter["tx"], at: TenantTransaction, home: Tenant): Promise<TenantTransaction> {
  return home.name === SHARED_TENANT ? at : tx.enter((await tx.tenants.get(SHARED_TENANT)).id);
}

export const serviceAccountKind: ResourceKind<"ServiceAccount", ServiceAccount> = defineKind(serviceAccountFacts, ofTenant, {
  rows: (tx) => tx.serviceAccounts,
  build: async ({ home }, { spec }, _before: ServiceAccount | undefined, base) => ({ next: { ...base, tenantId: home.id, spec } }),
  async remove({ at }, before) {
    await at.serviceAccounts.delete(before.id);
    return REMOVED;
  },
  async present(tx, stored, tenant) {
    const counts = await tx.serviceAccounts.countTokens(
      stored.map(({ id }) => id),
      new Date().toISOString(),
    );
    return stored.map((account) => ({
      apiVersion: API_VERSION,
      kind: "ServiceAccount",
      metadata: { ...presentMetadata(account), namespace: tenant },
      spec: account.spec,
      status: { tokens: counts.get(account.id) ?? 0, conditions: [] },
    }));
  },
});
