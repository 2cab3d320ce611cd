import type { SessionId } from "../../../sdk/contract/index.ts";
import type { SessionRepository } from "../../../service/application/ports/access/sessions.ts";
import type { SessionRow } from "../../../service/domain/access/session.ts";
import { SessionEntity, type SessionEntityRow } from "../entities/session.ts";
import type { Scope } from "../session.ts";
import { insertRow } from "./rows.ts";

/** Expired ones that are removed whenever somebody opens one. */
const REMOVED_MAX = 100;
/** Whether the token that a session was opened with still holds: not that of an account which is gone, whose name another may have now. */
const holds = (now: string) =>
  `(holder ->> 'tokenDigest' is null or exists (select 1 from api_tokens k where k.digest = holder ->> 'tokenDigest'
    and k.revoked_at is null and (k.expires_at is null or k.expires_at > ${now})))`;

export class PostgresSessionRepository implements SessionRepository {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  async insert(session: SessionRow, keyDigest: string): Promise<void> {
    await this.#scope.run((manager) =>
      insertRow<SessionEntityRow>(manager, SessionEntity, {
        id: session.id,
        subject: session.subject,
        holder: session.holder,
        form: session.form,
        key_digest: keyDigest,
        rotation: session.rotation,
        rotated_at: new Date(session.rotatedAt),
        created_at: new Date(session.createdAt),
        expires_at: new Date(session.expiresAt),
        last_used_at: new Date(session.lastUsedAt),
        address: session.address ?? null,
        agent: session.agent ?? null,
      }),
    );
  }

  byKey(keyDigest: string): Promise<SessionRow | undefined> {
    return this.#one(`key_digest = $1`, keyDigest);
  }

  find(id: SessionId): Promise<SessionRow | undefined> {
    return this.#one(`id = $1`, id);
  }

  lock(id: SessionId, now: string): Promise<SessionRow | undefined> {
    return this.#one(`id = $1 and ${holds("$2")} for update`, id, now);
  }

  async of(subject: string, limit: number, now: string): Promise<readonly SessionRow[]> {
    const rows = await this.#query<SessionEntityRow>(
      `select * from sessions where subject = $1 and ${holds("$3")} order by last_used_at desc, id desc limit $2`,
      [subject, limit, now],
    );
    return rows.map(toSession);
  }

  async used(id: SessionId, at: string): Promise<void> {
    await this.#query(`update sessions set last_used_at = $2 where id = $1`, [id, at]);
  }

  async renewed(id: SessionId, { rotation, at, keyDigest }: Parameters<SessionRepository["renewed"]>[1]): Promise<void> {
    await this.#query(`update sessions set rotation = $2, rotated_at = $3, last_used_at = $3, key_digest = $4 where id = $1`, [
      id,
      rotation,
      at,
      keyDigest,
    ]);
  }

  async end(id: SessionId): Promise<void> {
    await this.#query(`delete from sessions where id = $1`, [id]);
  }

  async trim(subject: string, keep: number, now: string): Promise<readonly SessionRow[]> {
    // One at a time for each subject, until the transaction ends: the next sees what this one adds.
    await this.#query(`select pg_advisory_xact_lock(hashtextextended('claw sessions ' || $1, 0))`, [subject]);
    const rows = await this.#query<SessionEntityRow>(
      `with expired as (select id from sessions where expires_at < $3 order by expires_at limit ${REMOVED_MAX} for update skip locked),
       ended as (
         delete from sessions where id in (select id from expired)
           or (subject = $1 and not ${holds("$3")})
           or id in (select id from sessions where subject = $1 and ${holds("$3")} order by last_used_at desc, id desc offset $2) returning *)
       select * from ended where expires_at >= $3`,
      [subject, keep, now],
    );
    return rows.map(toSession);
  }

  async #one(where: string, ...values: readonly string[]): Promise<SessionRow | undefined> {
    const [row] = await this.#query<SessionEntityRow>(`select * from sessions where ${where}`, [...values]);
    return row && toSession(row);
  }

  #query<Row>(sql: string, parameters: unknown[]): Promise<Row[]> {
    return this.#scope.run((manager) => manager.query<Row[]>(sql, parameters));
  }
}

function toSession(row: SessionEntityRow): SessionRow {
  return {
    id: row.id,
    subject: row.subject,
    holder: row.holder,
    form: row.form,
    rotation: row.rotation,
    rotatedAt: row.rotated_at.toISOString(),
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
    lastUsedAt: row.last_used_at.toISOString(),
    address: row.address ?? undefined,
    agent: row.agent ?? undefined,
  };
}
