import { randomBytes } from "node:crypto";
import {
  ClawError,
  newId,
  type Permission,
  SESSIONS_MAX,
  type Session,
  type SessionForm,
  type SessionId,
  type SessionTokens,
} from "../../../sdk/contract/index.ts";
import { type Actor, adminEntries, tenantOfServiceAccount, userKeys } from "../../domain/access/actor.ts";
import { allows } from "../../domain/access/grants.ts";
import {
  endOf,
  isLive,
  isTicket,
  keyEndOf,
  keyOf,
  keyPurpose,
  parseRefreshToken,
  refreshPurpose,
  refreshTokenOf,
  renewal,
  type SessionHolder,
  type SessionRow,
  TICKET_MS,
  ticketOf,
} from "../../domain/access/session.ts";
import { digestToken, isSameToken } from "../../domain/access/tokens.ts";
import { type AuditEntry, entryOf } from "../../domain/audit/chain.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import type { PlatformTransaction, Transactions } from "../ports/transactions.ts";
import { refusal } from "../resources/permitted.ts";
import type { RouteHandlers } from "../resources/route-handlers.ts";

type SessionRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `sessions.${string}`>>;

export interface SessionDependencies {
  readonly transactions: Transactions;
  readonly cipher: SecretCipher;
  readonly clock: () => Date;
}

/** A session that was opened just now, and what goes with its requests. */
export interface OpenedSession {
  readonly session: SessionRow;
  readonly key: string;
}

/** Somebody who shows who they are, by a credential that is no session itself. */
export type Newcomer = Pick<Actor, "subject" | "groups" | "credential" | "from">;

/** Sessions are no resources: nobody declares that somebody is signed in. */
export function sessionRoutes(deps: SessionDependencies): SessionRoutes {
  const { transactions, clock } = deps;
  return {
    "sessions.list": async ({ actor }, { query: { subject = actor.subject } }) => {
      if (subject !== actor.subject && !allows(actor.grants, "access.read", {})) {
        const { message, fix } = refusal(actor, "access.read");
        throw new ClawError("auth.forbidden", `${message}; ${fix}`);
      }
      const now = clock();
      const all = await transactions.reads.platform((tx) => tx.sessions.of(subject, SESSIONS_MAX, now.toISOString()));
      const seen = all.filter((session) => isLive(session, now) && mayManage(actor, session, "access.read"));
      return { items: seen.map((session) => shown(session, isOf(actor, session))) };
    },
    "sessions.create": async ({ actor }) => tokensOf(await openSession(actor, "tokens", deps), deps),
    "sessions.refresh": async ({ actor }, { body: { refreshToken } }) => tokensOf(await renewSession(refreshToken, actor.from, deps), deps),
    "sessions.end": ({ actor }, { params }) => endSession(actor, params.id, deps),
  };
}

/** Opens a session for somebody who shows who they are. @throws {ClawError} `auth.forbidden` where a session asks for another */
export async function openSession(newcomer: Newcomer, form: SessionForm, deps: SessionDependencies): Promise<OpenedSession> {
  const { credential, subject, from } = newcomer;
  if (credential === undefined || credential.kind === "session") {
    throw new ClawError("auth.forbidden", "a session can't open another one; sign in with a token, or at an identity provider");
  }
  const now = deps.clock();
  const holder: SessionHolder =
    credential.kind === "token"
      ? { tokenDigest: credential.digest }
      : { issuer: credential.issuer, name: subject, groups: newcomer.groups };
  const session = sessionOf({ subject, holder, form, expiresAt: endOf(form, now, credential.until), from }, now);
  const key = keyFor(session, deps);
  await deps.transactions.platform((tx) => insertSession(tx, session, { digest: digestToken(key), action: "session.open", by: newcomer }));
  return { session, key };
}

/** A link by which one browser signs in as whoever asked for it: good once, and not for long. */
export interface SignInLink {
  readonly ticket: string;
  readonly expiresAt: string;
}

/**
 * Makes such a link: a session that no browser has come into yet. What stands for it is no credential of any other request.
 * @throws {ClawError} `auth.forbidden` for whoever has no token
 */
export async function makeSignInLink(newcomer: Newcomer, { transactions, clock }: SessionDependencies): Promise<SignInLink> {
  const { credential, subject, from } = newcomer;
  if (credential?.kind !== "token") {
    throw new ClawError("auth.forbidden", "a link that signs a browser in is made for a token: call with one");
  }
  const now = clock();
  const expiresAt = new Date(now.getTime() + TICKET_MS).toISOString();
  const session = sessionOf({ subject, holder: { tokenDigest: credential.digest }, form: "cookie", expiresAt, from }, now);
  const ticket = ticketOf(randomBytes(TICKET_BYTES).toString("base64url"));
  await transactions.platform((tx) => insertSession(tx, session, { digest: digestToken(ticket), action: "session.link", by: newcomer }));
  return { ticket, expiresAt };
}

/** Opens the session that a link was made for, in the browser that comes first. @throws {ClawError} `session.not_found` */
export function enterByLink(ticket: string, from: Actor["from"], deps: SessionDependencies): Promise<OpenedSession> {
  return deps.transactions.platform(async (tx) => {
    const now = deps.clock();
    const found = isTicket(ticket) ? await tx.sessions.byKey(digestToken(ticket)) : undefined;
    const link = found && (await tx.sessions.lock(found.id, now.toISOString()));
    if (!link || !isLive(link, now)) {
      throw new ClawError("session.not_found", "the link has been used, or is too old: make another by 'claw-server console'");
    }
    await tx.sessions.end(link.id);
    const { subject, holder, form } = link;
    const session = sessionOf({ subject, holder, form, expiresAt: endOf(form, now, undefined), from }, now);
    const key = keyFor(session, deps);
    await insertSession(tx, session, { digest: digestToken(key), action: "session.open", by: { subject, ...(from && { from }) } });
    return { session, key };
  });
}

const TICKET_BYTES = 32;

function sessionOf(
  { from, ...given }: Pick<SessionRow, "subject" | "holder" | "form" | "expiresAt"> & { readonly from: Actor["from"] },
  now: Date,
): SessionRow {
  const at = now.toISOString();
  return {
    ...given,
    id: newId("ses", now.getTime()),
    rotation: 0,
    rotatedAt: at,
    createdAt: at,
    lastUsedAt: at,
    address: from?.address,
    agent: from?.agent,
  };
}

/** Keeps a session of somebody who has no more than they may, and puts on record how it came to be. */
async function insertSession(
  tx: PlatformTransaction,
  session: SessionRow,
  { digest, action, by }: { readonly digest: string; readonly action: string; readonly by: Pick<Actor, "subject" | "from"> },
): Promise<void> {
  const at = session.createdAt;
  const ended = await tx.sessions.trim(session.subject, SESSIONS_MAX - 1, at);
  await tx.sessions.insert(session, digest);
  const records = ended.map((each) => recordOf("session.end", each, by, at));
  await putOnRecord(tx, session, [...records, recordOf(action, session, by, at)]);
}

/** Ends a session: one's own, or anybody's who may change access on the platform. @throws {ClawError} `session.not_found` */
export function endSession(actor: Actor, id: string, { transactions, clock }: SessionDependencies): Promise<undefined> {
  return transactions.platform(async (tx) => {
    const now = clock().toISOString();
    const session = await tx.sessions.lock(id as SessionId, now);
    if (!session || !mayManage(actor, session, "access.write")) {
      throw new ClawError("session.not_found", `there is no session '${id}'; claw auth sessions lists yours`);
    }
    await tx.sessions.end(session.id);
    await putOnRecord(tx, session, [recordOf("session.end", session, actor, now)]);
    return undefined;
  });
}

/** The session of a refresh token, with its next tokens. @throws {ClawError} `session.not_found` */
async function renewSession(refreshToken: string, from: Actor["from"], deps: SessionDependencies): Promise<OpenedSession> {
  const parsed = parseRefreshToken(refreshToken);
  // By its own signature first: nobody ends a session by making tokens up.
  const isOurs = parsed && isSameToken(parsed.derived, deps.cipher.derive(refreshPurpose(parsed.id, parsed.rotation)));
  const session = isOurs && (await deps.transactions.platform((tx) => renewIn(tx, { ...parsed, from }, deps)));
  if (!session) {
    throw new ClawError("session.not_found", "the refresh token belongs to no session that goes on: sign in again");
  }
  return { session, key: keyFor(session, deps) };
}

async function renewIn(
  tx: PlatformTransaction,
  { id, rotation, from }: { readonly id: SessionId; readonly rotation: number; readonly from: Actor["from"] },
  deps: SessionDependencies,
): Promise<SessionRow | undefined> {
  const now = deps.clock();
  const at = now.toISOString();
  const session = await tx.sessions.lock(id, at);
  if (session?.form !== "tokens" || !isLive(session, now)) {
    return undefined;
  }
  switch (renewal(session, rotation, now)) {
    case "repeat":
      return session;
    case "stolen":
      await tx.sessions.end(id);
      await putOnRecord(tx, session, [recordOf("session.reuse", session, { subject: session.subject, ...(from && { from }) }, at)]);
      return undefined;
    case "renew": {
      const renewed = { ...session, rotation: rotation + 1, rotatedAt: at, lastUsedAt: at };
      await tx.sessions.renewed(id, { rotation: renewed.rotation, at, keyDigest: digestToken(keyFor(renewed, deps)) });
      return renewed;
    }
  }
}

function keyFor({ id, rotation }: SessionRow, { cipher }: SessionDependencies): string {
  return keyOf(cipher.derive(keyPurpose(id, rotation)));
}

function tokensOf({ session, key }: OpenedSession, { cipher }: SessionDependencies): SessionTokens {
  const { id, rotation } = session;
  return {
    session: shown(session, true),
    accessToken: key,
    accessExpiresAt: keyEndOf(session),
    refreshToken: refreshTokenOf(id, rotation, cipher.derive(refreshPurpose(id, rotation))),
  };
}

/** Who has a permission manages everybody's sessions, others their own; a token with scopes those that it has opened itself. */
function mayManage(actor: Actor, session: SessionRow, permission: Permission): boolean {
  if (allows(actor.grants, permission, {})) {
    return true;
  }
  const { credential, scopes, subject } = actor;
  const digest = credential?.kind === "token" || credential?.kind === "session" ? credential.digest : undefined;
  const isItsOwn = "tokenDigest" in session.holder && session.holder.tokenDigest === digest;
  return session.subject === subject && (scopes === undefined || isItsOwn);
}

function isOf({ credential }: Actor, { id }: SessionRow): boolean {
  return credential?.kind === "session" && credential.id === id;
}

function shown({ id, subject, form, holder, createdAt, expiresAt, lastUsedAt, address, agent }: SessionRow, current: boolean): Session {
  return {
    ...{ id, subject, form, by: signedInBy(holder), createdAt, expiresAt, lastUsedAt },
    ...(address !== undefined && { address }),
    ...(agent !== undefined && { agent }),
    current,
  };
}

function signedInBy(holder: SessionHolder): string {
  return "issuer" in holder ? holder.issuer : "token";
}

/** Tenants whose logs one sign-in is in: more than people work for, and few enough to be written with it. */
const TENANTS_TOLD_MAX = 32;

/** With the platform, and with the tenants where somebody is named: their auditors see who comes in. */
async function putOnRecord(tx: PlatformTransaction, session: SessionRow, records: readonly AuditEntry[]): Promise<void> {
  const logs = [tx.audit];
  for (const name of (await homesOf(tx, session)).slice(0, TENANTS_TOLD_MAX)) {
    const tenant = await tx.tenants.find(name);
    logs.push(...(tenant ? [(await tx.enter(tenant.id)).audit] : []));
  }
  for (const log of logs) {
    for (const record of records) {
      log.append(record);
    }
  }
}

/** Names of tenants that whoever has the session is of, or is named in. */
async function homesOf(tx: PlatformTransaction, { holder, subject }: SessionRow): Promise<readonly string[]> {
  if ("name" in holder) {
    const keys = userKeys(holder);
    return tx.access.tenantsOf(keys, adminEntries(keys));
  }
  const tenant = tenantOfServiceAccount(subject);
  return tenant === undefined ? [] : [tenant];
}

function recordOf(
  action: string,
  { id, subject, form, holder }: SessionRow,
  by: Pick<Actor, "subject" | "from">,
  time: string,
): AuditEntry {
  return entryOf({
    time,
    by,
    action,
    resource: { kind: "Session", name: id, uid: id },
    details: { form, by: signedInBy(holder), ...(subject !== by.subject && { subject }) },
  });
}
