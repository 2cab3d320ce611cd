import { ClawError, type Manifest, nearestKey, newId, type TenantId } from "../../../sdk/contract/index.ts";
import { type PlannedChange, type Target, targetOf } from "../../domain/change.ts";
import type { Cluster } from "../../domain/clusters/cluster.ts";
import type { ConfigTemplate } from "../../domain/configs/config-template.ts";
import { digestOf } from "../../domain/digest.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import type { Actor, Project, Tenant } from "../../domain/tenancy/tenant.ts";
import type { Unconfined } from "../instances/host-use.ts";
import type { ClawTypes } from "../ports/instances/claw-adapter.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import type { PlatformTransaction, TenantTransaction } from "../ports/transactions.ts";
import type { IfMatch } from "./route-handlers.ts";

/** What writes need beyond the transaction. */
export interface WriteDependencies {
  readonly types: ClawTypes;
  readonly cipher: SecretCipher;
  /** Where claws of this host are not confined: why, and what would mend it. */
  readonly unconfined?: Unconfined | undefined;
}

/** What makes a write repeatable: a plan's writes get the ids and times that its preview had. */
export interface Stamp {
  readonly now: string;
  readonly actor: Actor;
  /** Ids of creations by `kind/tenant/name`; new ones are added. */
  readonly ids: Record<string, string>;
  /** For a single change: what the caller takes the resource to be. */
  readonly ifMatch?: IfMatch | undefined;
}

export type StoredResource = Instance | ConfigTemplate | Tenant | Project | Cluster;

/** One change that was made, with the stored resource before and after. */
export interface Written extends Target {
  readonly change: PlannedChange;
  readonly tenantId: TenantId;
  readonly tenant: string;
  readonly op: "create" | "update" | "delete" | "same";
  readonly before: StoredResource | undefined;
  readonly after: StoredResource | undefined;
  /** Why an instance is where it is, when that was decided by this change. */
  readonly placementReason?: string | undefined;
  /** Clusters where what a tenant's instances share changes with the tenant. */
  readonly boundaries?: readonly string[];
}

/** One change in one tenant, with what it takes to write it. */
export interface Writer {
  readonly tx: PlatformTransaction;
  readonly change: PlannedChange;
  readonly scope: TenantTransaction;
  readonly tenant: Tenant;
  readonly stamp: Stamp;
  readonly deps: WriteDependencies;
}

const NOT_FOUND = {
  ClawInstance: "instance.not_found",
  ConfigTemplate: "config.not_found",
  Tenant: "tenant.not_found",
  Project: "project.not_found",
  Cluster: "cluster.not_found",
} as const;
const NAME_TAKEN = {
  ClawInstance: "instance.name_taken",
  ConfigTemplate: "config.name_taken",
  Tenant: "tenant.name_taken",
  Project: "project.name_taken",
  Cluster: "cluster.name_taken",
} as const;
const NOUN = {
  ClawInstance: "instance",
  ConfigTemplate: "config template",
  Tenant: "tenant",
  Project: "project",
  Cluster: "cluster",
} as const;

export function assertExpected(change: PlannedChange, before: StoredResource | undefined, stamp: Stamp): void {
  const { kind, name } = targetOf(change);
  if (change.expect === "absent" && before) {
    const message = `the ${NOUN[kind]} '${name}' is there already`;
    const fix = "choose another name, or update that one";
    throw new ClawError(NAME_TAKEN[kind], `${message}; ${fix}`, { issues: [{ path: "metadata.name", message, fix }] });
  }
  if (!before && (change.action !== "apply" || change.expect === "present")) {
    const place = kind === "Cluster" ? "" : ` in tenant '${change.tenant}'`;
    throw new ClawError(NOT_FOUND[kind], `there is no ${NOUN[kind]} '${name}'${place}`);
  }
  const current = before && String(before.resourceVersion);
  const written = change.action === "apply" ? change.manifest.metadata.resourceVersion : undefined;
  const isStale = current !== undefined && written !== undefined && written !== current;
  if (isStale || (stamp.ifMatch !== undefined && !matches(stamp.ifMatch, current))) {
    const is = current === undefined ? "does not exist yet" : `is at version ${current}, not ${isStale ? written : String(stamp.ifMatch)}`;
    throw new ClawError("resource.version_conflict", `${NOUN[kind]} '${name}' ${is}; read it again and repeat your change`, {
      issues: [
        {
          path: isStale ? "metadata.resourceVersion" : "If-Match",
          message: current === undefined ? "there is no version" : `the newest is ${current}`,
          fix: "read it again and repeat your change",
        },
      ],
    });
  }
}

function matches(ifMatch: IfMatch, current: string | undefined): boolean {
  return current !== undefined && (ifMatch === "*" || ifMatch.includes(current));
}

/** Metadata of a manifest over what is stored; absent labels and annotations are kept. */
export function mergedMetadata(
  manifest: Manifest,
  before: { labels: Readonly<Record<string, string>>; annotations: Readonly<Record<string, string>> } | undefined,
) {
  return {
    labels: manifest.metadata.labels ?? before?.labels ?? {},
    annotations: manifest.metadata.annotations ?? before?.annotations ?? {},
  };
}

/** The next state of a resource, or `same` when nothing differs. @param renew makes a new generation of it, when its spec changed */
export function revised<T extends StoredResource>(
  before: T,
  next: T,
  now: string,
  renew: (resource: T) => T = (resource) => ({ ...resource, generation: resource.generation + 1 }),
): { op: "update" | "same"; after: T } {
  const changed = digestOf([before.spec, before.labels, before.annotations]) !== digestOf([next.spec, next.labels, next.annotations]);
  if (!changed) {
    return { op: "same", after: before };
  }
  const specChanged = digestOf(before.spec) !== digestOf(next.spec);
  return { op: "update", after: { ...(specChanged ? renew(next) : next), resourceVersion: before.resourceVersion + 1, updatedAt: now } };
}

export function fresh<P extends string>(key: string, prefix: P, stamp: Stamp) {
  const id = (stamp.ids[key] ?? newId(prefix)) as `${P}_${string}`;
  stamp.ids[key] = id;
  return { id, generation: 1, resourceVersion: 1, createdAt: stamp.now, updatedAt: stamp.now };
}

export function unknownType(path: string, value: string, known: readonly string[]): ClawError {
  const message = `'${value}' is not known`;
  const fix = unknownNameFix(value, known) ?? `use one of ${known.join(", ")}`;
  return new ClawError("instance.unknown_type", `${path}: ${message}; ${fix}`, { issues: [{ path, message, fix }] });
}

/** What to do about a name that is not there, when one that is there is near. */
export function unknownNameFix(name: string, known: readonly string[]): string | undefined {
  const nearest = nearestKey(name, known);
  return nearest === undefined ? undefined : `did you mean '${nearest}'?`;
}

export function invalid(path: string, message: string, fix: string): ClawError {
  return new ClawError("request.invalid", message, { issues: [{ path, message, fix }] });
}

/** A value that names something of the host is not a tenant's to set. */
export function platformOnly(path: string, key: string): ClawError {
  const message = `'${key}' names something of the host, and is set by platform administrators only`;
  const fix = "leave it out, or ask a platform administrator to set it";
  return new ClawError("auth.forbidden", `${message}; ${fix}`, { issues: [{ path, message, fix }] });
}

/** Every tenant, page by page. */
export async function allTenants(tx: PlatformTransaction): Promise<Tenant[]> {
  const tenants: Tenant[] = [];
  let cursor: string | undefined;
  do {
    const page = await tx.tenants.list({ limit: 500, ...(cursor !== undefined && { cursor }) });
    tenants.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return tenants;
}
