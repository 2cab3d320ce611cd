import {
  builtInRole,
  ClawError,
  type ErrorCode,
  factsOf,
  type KindFacts,
  type ManifestKind,
  type Permission,
  permissionFacts,
  type Route,
  roles,
} from "../../../sdk/contract/index.ts";
import type { Actor } from "../../domain/access/actor.ts";
import { allows, allowsSomewhere, type BoundRole, beyond, grantsOf, type Place } from "../../domain/access/grants.ts";
import { changedResource, type PlannedChange } from "../../domain/change.ts";
import type { Tenant } from "../../domain/tenancy/tenant.ts";

/** What a change takes where its resource is. */
export function permissionOf(change: PlannedChange): Permission {
  const { access, actions }: KindFacts = factsOf(changedResource(change).kind);
  return actions.find(({ name }) => name === change.action)?.permission ?? access.write;
}

/** @throws {ClawError} `auth.forbidden` */
export function assertAllows(actor: Actor, permission: Permission, place: Place): void {
  if (!allows(actor.grants, permission, place)) {
    throw forbidden(actor, permission);
  }
}

/** Whether somebody may come in by a route. @throws {ClawError} `auth.forbidden` */
export function assertAdmitted(actor: Actor, permission: Permission, scope: Route["scope"]): void {
  if (scope === "platform") {
    assertAllows(actor, permission, {});
  } else {
    assertAllowsSomewhere(actor, permission);
  }
}

/** Before it is known what exactly is meant. @throws {ClawError} `auth.forbidden` for what one may do nowhere */
export function assertAllowsSomewhere(actor: Actor, permission: Permission): void {
  if (!allowsSomewhere(actor.grants, permission)) {
    throw forbidden(actor, permission);
  }
}

/** Nobody gives what they don't have. @throws {ClawError} `auth.forbidden` */
export function assertHas(actor: Actor, bound: readonly BoundRole[], tenant: Pick<Tenant, "id">, what: string): void {
  const missing = beyond(grantsOf(bound, tenant.id), actor.grants);
  if (missing.length > 0) {
    const message = `${what} would give what '${actor.subject}' may not do: ${missing.join(", ")}`;
    const fix = "give less, or ask somebody who may do that";
    throw new ClawError("auth.forbidden", `${message}; ${fix}`, { issues: [{ path: "spec", message, fix }] });
  }
}

function forbidden(actor: Actor, permission: Permission): ClawError {
  const { message, fix } = refusal(actor, permission);
  return new ClawError("auth.forbidden", `${message}; ${fix}`, { issues: [{ path: "", message, fix }] });
}

/** Why one may not, and who can change that. */
export function refusal({ subject, scopes }: Actor, permission: Permission): { readonly message: string; readonly fix: string } {
  const { allows: what, scope } = permissionFacts(permission);
  const message = `'${subject}' may not ${what} here: that takes the permission '${permission}'`;
  if (scopes && !scopes.includes(permission)) {
    return { message: `${message}, which is not among the token's scopes`, fix: "use a token that has it" };
  }
  const givers = Object.keys(roles).filter((name) => builtInRole(name)?.permissions.includes(permission));
  const whom = scope === "platform" ? "a platform administrator" : "an administrator of the tenant";
  return { message, fix: `ask ${whom} for a role that gives it: ${givers.join(", ")}` };
}

/** Of what is not there, or may not be seen: nobody can tell which. */
export function absent(kind: ManifestKind, ref: string): ClawError {
  const { area, noun } = factsOf(kind);
  return new ClawError(`${area}.not_found` as ErrorCode, `there is no ${noun} '${ref}'`);
}

/** Of a name that is taken by what may not be seen: that much has to be told. */
export function hidden(kind: ManifestKind, name: string): ClawError {
  const { area, noun } = factsOf(kind);
  return new ClawError(`${area}.name_taken` as ErrorCode, `there is a ${noun} '${name}' already; choose another name`);
}
