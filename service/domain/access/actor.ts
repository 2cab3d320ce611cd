import {
  type AuditOrigin,
  PERMISSIONS,
  type Permission,
  type SessionId,
  type Subject,
  type TenantId,
} from "../../../sdk/contract/index.ts";
import { allows, type Grants, NO_GRANTS } from "./grants.ts";

/** Who makes a request. */
export interface Actor {
  /** As records name it: `alice@example.com`, `serviceaccount:acme/ci`, `admin`. */
  readonly subject: string;
  readonly groups: readonly string[];
  /** By which of its names roles are bound to it: see {@link subjectKey}. */
  readonly keys: readonly string[];
  /** What it may do, in the tenant that the request is about. */
  readonly grants: Grants;
  /** Whether it has something to say in every tenant. */
  readonly platform: boolean;
  /** The tenant that it is of: a service account's. */
  readonly tenantId: TenantId | undefined;
  /** No more than these of what it has been given: of a token that was made so. */
  readonly scopes?: readonly Permission[] | undefined;
  /** It passes on what somebody else wrote elsewhere, who may be anybody: in a cluster's custom resource, in a file of a claw. */
  readonly relays?: true;
  /** By what it is let in; of what acts without a request nothing is known. */
  readonly credential?: Credential | undefined;
  /** From where it asks; of what the control plane does by itself nothing is. */
  readonly from?: AuditOrigin;
}

/** What somebody shows for who they are. */
export type Credential =
  | { readonly kind: "token"; readonly digest: string; readonly until: string | undefined }
  | { readonly kind: "identity"; readonly issuer: string; readonly until: string | undefined }
  | {
      readonly kind: "session";
      readonly id: SessionId;
      /** Of the token that it was opened with, where it was by one. */
      readonly digest: string | undefined;
    };

export const ANONYMOUS: Actor = { subject: "anonymous", groups: [], keys: [], grants: NO_GRANTS, platform: false, tenantId: undefined };

/** As records name what the control plane does by itself. */
export const CONTROL_PLANE = { subject: "control-plane" };

/** Everything, everywhere. */
export const ALL_GRANTS: Grants = { ...NO_GRANTS, platform: new Set(PERMISSIONS) };

/** Somebody who may do everything: who holds the administrator's token, and the control plane itself. */
export function administrator(subject: string): Actor {
  return { subject, groups: [], keys: [], grants: ALL_GRANTS, platform: true, tenantId: undefined };
}

/** The control plane, in the name of whoever wrote something elsewhere. */
export function relaying(subject: string): Actor {
  return { ...administrator(subject), relays: true };
}

/** Whether what it asks for may name what is the host's own. */
export function mayUseHost({ grants, relays }: Actor): boolean {
  return relays !== true && allows(grants, "host.use", {});
}

/** Whether only the control plane may call somebody so: a provider that names its people as it likes must not write records in another's name. */
export function isReserved(name: string): boolean {
  return /^(admin|anonymous|control-plane)$|^(serviceaccount|cluster|drift):/i.test(name);
}

/** How bindings are found by whom they name. @param home name of the tenant whose binding it is */
export function subjectKey(subject: Subject, home: string): string {
  return subject.kind === "ServiceAccount"
    ? `ServiceAccount/${subject.namespace ?? home}/${subject.name}`
    : `${subject.kind}/${subject.name}`;
}

/** By which keys somebody is found whom an identity provider vouches for. */
export function userKeys({ name, groups }: { readonly name: string; readonly groups: readonly string[] }): string[] {
  const subjects: Subject[] = [{ kind: "User", name }, ...groups.map((group): Subject => ({ kind: "Group", name: group }))];
  return subjects.map((subject) => subjectKey(subject, ""));
}

/** As records name a service account. */
export function serviceAccountSubject(tenant: string, name: string): string {
  return `serviceaccount:${tenant}/${name}`;
}

/** The tenant that a service account is of; undefined where a record names somebody else. */
export function tenantOfServiceAccount(subject: string): string | undefined {
  return /^serviceaccount:([^/]+)\//.exec(subject)?.[1];
}

/** The other way round: how tenants' `admins` name the subjects of keys. Users whose names look like a group's are named by no entry, service accounts by their own tenant's alone. */
export function adminEntries(keys: readonly string[]): readonly string[] {
  return keys.flatMap((key) => {
    const [kind = "", name = ""] = key.split(/\/(.*)/s);
    const entry = kind === "Group" ? `group:${name}` : name;
    return kind !== "ServiceAccount" && adminKey(entry, "") === key ? [entry] : [];
  });
}

/** The subject that an entry of a tenant's `admins` names: `alice@example.com`, `group:platform`, `serviceaccount:ci`. */
export function adminKey(entry: string, tenant: string): string {
  const [, kind, name] = /^(group|serviceaccount):(.+)$/.exec(entry) ?? [];
  if (kind === undefined || name === undefined) {
    return subjectKey({ kind: "User", name: entry }, tenant);
  }
  return subjectKey({ kind: kind === "group" ? "Group" : "ServiceAccount", name }, tenant);
}
