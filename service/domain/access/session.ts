import type { SessionForm, SessionId } from "../../../sdk/contract/index.ts";
import { ACCESS_TOKEN_SECONDS } from "../../../sdk/contract/index.ts";

/** Whom a session is of: somebody whom an identity provider vouched for, or whoever holds a token, as long as that holds. */
export type SessionHolder =
  | { readonly issuer: string; readonly name: string; readonly groups: readonly string[] }
  | { readonly tokenDigest: string };

export interface SessionRow {
  readonly id: SessionId;
  readonly subject: string;
  readonly holder: SessionHolder;
  readonly form: SessionForm;
  /** How often its tokens were renewed. */
  readonly rotation: number;
  readonly rotatedAt: string;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly lastUsedAt: string;
  readonly address: string | undefined;
  readonly agent: string | undefined;
}

const HOUR_MS = 3_600_000;
/** How long sessions last: at most, and while nobody uses them. */
const LIFE: Readonly<Record<SessionForm, { readonly atMostMs: number; readonly idleMs: number }>> = {
  cookie: { atMostMs: 12 * HOUR_MS, idleMs: 2 * HOUR_MS },
  tokens: { atMostMs: 30 * 24 * HOUR_MS, idleMs: 7 * 24 * HOUR_MS },
};
/** Somebody whose answer was lost asks again with what they have: within this time that is no theft. */
const RETRY_MS = 30_000;

/** When a session that is opened now ends. @param until when what it was opened with ends, where that is known */
export function endOf(form: SessionForm, now: Date, until: string | undefined): string {
  const most = now.getTime() + LIFE[form].atMostMs;
  return new Date(until === undefined ? most : Math.min(most, Date.parse(until))).toISOString();
}

/** Whether a session goes on. */
export function isLive({ form, expiresAt, lastUsedAt }: SessionRow, now: Date): boolean {
  return now.getTime() < Date.parse(expiresAt) && now.getTime() - Date.parse(lastUsedAt) < LIFE[form].idleMs;
}

/** When the key that goes with requests ends: a browser's with its session, an access token soon. */
export function keyEndOf({ form, rotatedAt, expiresAt }: SessionRow): string {
  const soon = new Date(Date.parse(rotatedAt) + ACCESS_TOKEN_SECONDS * 1000).toISOString();
  return form === "cookie" || soon > expiresAt ? expiresAt : soon;
}

const KEY_PREFIX = "claws_";
const REFRESH = /^clawr_(ses_[1-9A-HJ-NP-Za-km-z]{22})_(\d{1,9})_([\w-]{43})$/;

/** What goes with requests is derived, as are refresh tokens: a renewal that is asked for twice is answered alike. */
export const keyPurpose = (id: SessionId, rotation: number) => `session-key:${id}:${rotation}`;
export const refreshPurpose = (id: SessionId, rotation: number) => `session-refresh:${id}:${rotation}`;
export const keyOf = (derived: string) => `${KEY_PREFIX}${derived}`;
export const refreshTokenOf = (id: SessionId, rotation: number, derived: string) => `clawr_${id}_${rotation}_${derived}`;

/** Whether a token has the form of a session's key. */
export function isSessionKey(token: string): boolean {
  return token.startsWith(KEY_PREFIX);
}

const TICKET_PREFIX = "clawl_";
/** How long a link that signs a browser in waits for it. */
export const TICKET_MS = 10 * 60_000;
/** What stands for such a link. It is no session's key: nothing is let in by it but one browser. */
export const ticketOf = (secret: string) => `${TICKET_PREFIX}${secret}`;

/** Whether a text has the form of what stands for a link. */
export function isTicket(text: string): boolean {
  return text.startsWith(TICKET_PREFIX);
}

/** The parts of a refresh token; undefined for what is none. */
export function parseRefreshToken(
  token: string,
): { readonly id: SessionId; readonly rotation: number; readonly derived: string } | undefined {
  const [, id, rotation, derived] = REFRESH.exec(token) ?? [];
  return id === undefined || derived === undefined ? undefined : { id: id as SessionId, rotation: Number(rotation), derived };
}

/** What comes of a refresh token: the next tokens, the same again for a repetition, or the end of a session whose tokens two have. */
export function renewal({ rotation, rotatedAt }: SessionRow, given: number, now: Date): "renew" | "repeat" | "stolen" {
  if (given === rotation) {
    return "renew";
  }
  return given === rotation - 1 && now.getTime() - Date.parse(rotatedAt) < RETRY_MS ? "repeat" : "stolen";
}
