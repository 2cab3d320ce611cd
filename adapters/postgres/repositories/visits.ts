import type { VisitRepository } from "../../../service/application/ports/instances/visits.ts";
import type { Visit, VisitId } from "../../../service/domain/instances/visit.ts";
import type { Scope } from "../session.ts";

/** Expired ones that are removed whenever somebody opens one. */
const REMOVED_MAX = 100;

interface VisitRow {
  readonly id: VisitId;
  readonly tenant_id: Visit["tenantId"];
  readonly instance_id: Visit["instanceId"];
  readonly label: string;
  readonly subject: string;
  readonly holder: Visit["holder"];
  readonly created_at: Date;
  readonly expires_at: Date;
  readonly last_used_at: Date;
}

export class PostgresVisitRepository implements VisitRepository {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  async insert({ id, tenantId, instanceId, label, subject, holder, createdAt, expiresAt }: Visit, ticketDigest: string): Promise<void> {
    await this.#query(
      `insert into visits (id, tenant_id, instance_id, label, subject, holder, ticket_digest, created_at, expires_at, last_used_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8)`,
      [id, tenantId, instanceId, label, subject, JSON.stringify(holder), ticketDigest, createdAt, expiresAt],
    );
  }

  begin({ ticketDigest, label, keyDigest, now, since }: Parameters<VisitRepository["begin"]>[0]): Promise<Visit | undefined> {
    return this.#one(
      `with begun as (
         update visits set ticket_digest = null, key_digest = $3, last_used_at = $4
         where ticket_digest = $1 and label = $2 and created_at > $5 and expires_at > $4 returning *)
       select * from begun`,
      [ticketDigest, label, keyDigest, now, since],
    );
  }

  byKey(keyDigest: string, label: string): Promise<Visit | undefined> {
    return this.#one(`select * from visits where key_digest = $1 and label = $2`, [keyDigest, label]);
  }

  async used(id: VisitId, at: string): Promise<void> {
    await this.#query(`update visits set last_used_at = $2 where id = $1`, [id, at]);
  }

  async trim(subject: string, keep: number, now: string): Promise<void> {
    await this.#query(
      `with expired as (select id from visits where expires_at < $3 order by expires_at limit ${REMOVED_MAX} for update skip locked)
       delete from visits where id in (select id from expired)
         or id in (select id from visits where subject = $1 order by created_at desc, id desc offset $2)`,
      [subject, keep, now],
    );
  }

  async #one(sql: string, parameters: unknown[]): Promise<Visit | undefined> {
    const [row] = await this.#query<VisitRow>(sql, parameters);
    return row && toVisit(row);
  }

  #query<Row>(sql: string, parameters: unknown[]): Promise<Row[]> {
    return this.#scope.run((manager) => manager.query<Row[]>(sql, parameters));
  }
}

function toVisit(row: VisitRow): Visit {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    instanceId: row.instance_id,
    label: row.label,
    subject: row.subject,
    holder: row.holder,
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
    lastUsedAt: row.last_used_at.toISOString(),
  };
}
