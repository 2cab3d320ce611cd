import { createHash } from "node:crypto";
import type { Id, InstanceId, SessionId, TenantId } from "../../../sdk/contract/index.ts";
import type { Actor } from "../access/actor.ts";

export type VisitId = Id<"vis">;

/** By whose leave a visit goes on: as long as that holds, it does. */
export type VisitHolder =
  | { readonly session: SessionId }
  | { readonly tokenDigest: string }
  | { readonly issuer: string; readonly name: string; readonly groups: readonly string[] };

/** Somebody's browser at an instance's own origin. */
export interface Visit {
  readonly id: VisitId;
  readonly tenantId: TenantId;
  readonly instanceId: InstanceId;
  /** What of the host's name is the instance's. */
  readonly label: string;
  readonly subject: string;
  readonly holder: VisitHolder;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly lastUsedAt: string;
}

/** A link is good once, and so long. */
export const TICKET_MS = 60_000;
/** Of one subject's: whoever opens more loses the oldest. */
export const VISITS_MAX = 50;
const HOUR_MS = 3_600_000;
/** As long as a browser's session with the control plane itself. */
const VISIT_MS_MAX = 12 * HOUR_MS;
const IDLE_MS_MAX = 2 * HOUR_MS;
/** That a visit goes on is written down so often. */
const USED_EVERY_MS = 60_000;

/** A host's name has at most 63 characters between two dots, and these are left for the instance's name. */
const NAME_CHARS = 50;
const DIGEST_CHARS = 12;

/**
 * The part of a host's name that is one instance's for good. Not by its name alone: that is another's in another tenant, and what a browser keeps for an
 * origin must not be there for who is called the same later.
 */
export function originLabel({ name, uid }: { readonly name: string; readonly uid: string }): string {
  const digest = createHash("sha256").update(uid).digest("hex").slice(0, DIGEST_CHARS);
  return `${name.slice(0, NAME_CHARS).replace(/-+$/, "")}-${digest}`;
}

/** Whether a visit goes on. */
export function goesOn({ expiresAt, lastUsedAt }: Visit, now: Date): boolean {
  return now.getTime() < Date.parse(expiresAt) && now.getTime() - Date.parse(lastUsedAt) < IDLE_MS_MAX;
}

/** Whether it is to be written down that it goes on. */
export function isUseDue({ lastUsedAt }: Visit, now: Date): boolean {
  return now.getTime() - Date.parse(lastUsedAt) > USED_EVERY_MS;
}

/** By whose leave somebody who asks for a visit will have it, and until when at most; undefined of nobody. */
export function leaveOf({ credential, subject, groups }: Actor, now: Date): { holder: VisitHolder; expiresAt: string } | undefined {
  if (!credential) {
    return undefined;
  }
  const most = now.getTime() + VISIT_MS_MAX;
  if (credential.kind === "session") {
    return { holder: { session: credential.id }, expiresAt: new Date(most).toISOString() };
  }
  const { until } = credential;
  const holder = credential.kind === "token" ? { tokenDigest: credential.digest } : { issuer: credential.issuer, name: subject, groups };
  return { holder, expiresAt: new Date(until === undefined ? most : Math.min(most, Date.parse(until))).toISOString() };
}

/** What a page presents in the place of the claw's own token. It follows from what the browser brings, which does not follow from it. */
export function passOf(key: string): string {
  return createHash("sha256").update(`pass:${key}`).digest("base64url");
}
