import { SHARED_TENANT } from "../../domain/tenancy/tenant.ts";
import type { PlatformTransaction, TenantTransaction } from "../ports/transactions.ts";
import { everyOf } from "../resources/pages.ts";

/** A version of a claw's program that instances run with a template, and the name of one of them. */
export interface UsedVersion {
  /** Undefined: the claw type's default. */
  readonly version: string | undefined;
  /** `web`, or `web` of a tenant where the template is everybody's. */
  readonly instance: string;
}

/** Names of the tenants whose instances may use a template: its own, or all that have some of that name where it is shared. */
export async function* usersOf(tx: PlatformTransaction, tenant: string, template: string): AsyncGenerator<string> {
  if (tenant === SHARED_TENANT) {
    yield* everyOf((page) => tx.tenants.listUsing({ template }, page));
  } else {
    yield tenant;
  }
}

/** The versions that instances run with a template, in all tenants that may use it. */
export async function usedVersions(
  tx: PlatformTransaction,
  tenant: string,
  template: { readonly id: string; readonly name: string },
): Promise<UsedVersion[]> {
  const found = new Map<string | undefined, UsedVersion>();
  for await (const user of usersOf(tx, tenant, template.name)) {
    const scope = await tx.enter((await tx.tenants.get(user)).id);
    for (const { version, instance } of await usedVersionsIn(scope, template)) {
      found.set(version, found.get(version) ?? { version, instance: user === tenant ? instance : `${instance}' of tenant '${user}` });
    }
  }
  return [...found.values()];
}

/** The same in one tenant, which may have a template of its own by that name. */
export async function usedVersionsIn(
  scope: TenantTransaction,
  { id, name }: { readonly id: string; readonly name: string },
): Promise<readonly UsedVersion[]> {
  return (await scope.templates.find(name))?.id === id ? scope.instances.versionsUsing(name) : [];
}
