import { type AuditHead, type AuditQuery, type AuditRecord, PLATFORM_CHAIN } from "../../../sdk/contract/index.ts";
import type { AuditChains, AuditLog } from "../../../service/application/ports/audit/audit-log.ts";
import type { Page } from "../../../service/application/ports/resources/page.ts";
import { type AuditEntry, CARRIED, type ChainId, OPENED, type Position } from "../../../service/domain/audit/chain.ts";
import type { AuditChainRow, AuditRecordRow } from "../entities/audit.ts";
import { formatNumberCursor, parseNumberCursor, readPage } from "../list-page.ts";
import type { Scope, Unit } from "../session.ts";

/** A chain as it can be read. */
class PostgresChain {
  protected readonly chain: string;
  readonly #scope: Scope;

  constructor(scope: Scope, chain: string) {
    this.#scope = scope;
    this.chain = chain;
  }

  list(query: AuditQuery): Promise<Page<AuditRecord>> {
    const parameters: unknown[] = [this.chain];
    const bind = (value: unknown) => `$${parameters.push(value)}`;
    const conditions = ["tenant_id = $1", ...conditionsOf(query, bind)];
    const rows = `select sequence, record from audit_records where ${conditions.join(" and ")}`;
    const later = `${rows} and sequence ${query.after === undefined ? "<" : ">"} $${parameters.length + 1}::bigint`;
    return this.#scope.run((manager) =>
      readPage<Pick<AuditRecordRow, "sequence" | "record">, AuditRecord>(manager, {
        rowsAfter: (cursor) =>
          cursor === undefined ? { sql: rows, parameters } : { sql: later, parameters: [...parameters, parseNumberCursor(cursor, 15)] },
        cursor: query.cursor,
        order: query.after === undefined ? "sequence desc" : "sequence",
        limit: query.limit,
        toDomain: ({ record }) => record,
        cursorOf: ({ sequence }) => formatNumberCursor(sequence),
      }),
    );
  }

  async head(): Promise<AuditHead | undefined> {
    const [row] = await this.#scope.run((manager) =>
      manager.query<Pick<AuditChainRow, "head">[]>(`select head from audit_chains where tenant_id = $1`, [this.chain]),
    );
    return row?.head;
  }

  async following(sequence: number, limit: number): Promise<readonly AuditRecord[]> {
    const rows = await this.#scope.run((manager) =>
      // The place that a record is stored in counts, whatever it says of itself.
      manager.query<Pick<AuditRecordRow, "sequence" | "record">[]>(
        `select sequence, record from audit_records where tenant_id = $1 and sequence > $2 order by sequence limit $3`,
        [this.chain, sequence, limit],
      ),
    );
    return rows.map((row) =>
      Number(row.sequence) === row.record.sequence ? row.record : { ...row.record, sequence: Number(row.sequence) },
    );
  }
}

export class PostgresAuditLog extends PostgresChain implements AuditLog {
  readonly #session: Unit;
  readonly #of: ChainId;

  constructor(scope: Scope, chain: ChainId, session: Unit) {
    super(scope, chain);
    this.#session = session;
    this.#of = chain;
  }

  append(entry: AuditEntry): void {
    this.#session.record(this.#of, entry);
  }
}

export class PostgresAuditChains implements AuditChains {
  readonly #scope: Scope;
  readonly #session: Unit;

  constructor(scope: Scope, session: Unit) {
    this.#scope = scope;
    this.#session = session;
  }

  of(chain: string): PostgresChain {
    return new PostgresChain(this.#scope, chain);
  }

  async openings(chain: string): Promise<readonly number[]> {
    const rows = await this.#scope.run((manager) =>
      manager.query<{ sequence: string; carried: string | null }[]>(
        `select sequence, record -> 'details' ->> 'opened' as carried from audit_records
         where tenant_id = '${PLATFORM_CHAIN}' and record -> 'resource' ->> 'name' = $1 and record ->> 'action' in ('${OPENED}', '${CARRIED}')
         order by sequence`,
        [chain],
      ),
    );
    return rows.map(({ sequence, carried }) => Number(carried ?? sequence));
  }

  async list(limit: number, cursor?: string) {
    type Row = { readonly chain: string; readonly head: AuditHead | null };
    return this.#scope.run((manager) =>
      readPage<Row, { readonly chain: string; readonly sequence?: number; readonly time?: string }>(manager, {
        rowsAfter: (after) => ({
          sql: `select chain, c.head from (
                  select tenant_id as chain from audit_chains union
                  select record -> 'resource' ->> 'name' from audit_records
                  where tenant_id = '${PLATFORM_CHAIN}' and record ->> 'action' in ('${OPENED}', '${CARRIED}')) known
                left join audit_chains c on c.tenant_id = chain where chain collate "C" > $1`,
          parameters: [after ?? ""],
        }),
        cursor,
        order: `chain collate "C"`,
        limit,
        toDomain: ({ chain, head }) => ({ chain, ...(head && { sequence: head.sequence, time: head.time }) }),
        cursorOf: ({ chain }) => chain,
      }),
    );
  }

  async findOld(after: string, now: string, days: number | undefined) {
    const [row] = await this.#scope.run((manager) =>
      manager.query<{ chain: ChainId; days: number }[]>(
        // As text: somebody may have written there what is no time.
        `select c.tenant_id as chain, k.days from audit_chains c
         left join tenants t on t.id = c.tenant_id
         cross join lateral (select case when t.id is null then $3::integer else (t.spec ->> 'auditRetentionDays')::integer end as days) k
         join audit_records r on r.tenant_id = c.tenant_id and r.sequence = c.start + 1
         where c.tenant_id collate "C" > $1 and k.days is not null
           and (r.record ->> 'time') collate "C"
             < to_char(($2::timestamptz - make_interval(days => k.days + 1)) at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS')
         order by c.tenant_id collate "C" limit 1`,
        [after, now, days ?? null],
      ),
    );
    return row;
  }

  async lock(chain: ChainId): Promise<void> {
    await this.#scope.run((manager) => manager.query(`select from audit_chains where tenant_id = $1 for update`, [chain]));
  }

  remove(chain: ChainId, upTo: Position, entries: readonly AuditEntry[]): void {
    for (const entry of entries) {
      this.#session.record(chain, entry);
    }
    this.#session.startBehind(chain, upTo);
  }
}

function conditionsOf({ since, until, actor, action, resource, result, after }: AuditQuery, bind: (value: unknown) => string): string[] {
  const conditions: string[] = [];
  const time = `(record ->> 'time') collate "C"`;
  if (after !== undefined) {
    conditions.push(`sequence > ${bind(after)}::bigint`);
  }
  if (since !== undefined) {
    conditions.push(`${time} >= ${bind(new Date(since).toISOString())}`);
  }
  if (until !== undefined) {
    conditions.push(`${time} <= ${bind(new Date(until).toISOString())}`);
  }
  if (actor !== undefined) {
    conditions.push(`record ->> 'actor' = ${bind(actor)}`);
  }
  if (action !== undefined) {
    const what = action.includes(".") ? `record ->> 'action'` : `split_part(record ->> 'action', '.', 1)`;
    conditions.push(`${what} = ${bind(action)}`);
  }
  if (resource !== undefined) {
    const [, kind, ref = ""] = /^(?:([A-Za-z]+)\/)?(.*)$/s.exec(resource) ?? [];
    // No name has an underscore, and every uid one.
    conditions.push(`record -> 'resource' ->> '${/^[a-z]{3}_/.test(ref) ? "uid" : "name"}' = ${bind(ref)}`);
    if (kind !== undefined) {
      conditions.push(`record -> 'resource' ->> 'kind' = ${bind(kind)}`);
    }
  }
  if (result !== undefined) {
    conditions.push(`record ->> 'result' = ${bind(result)}`);
  }
  return conditions;
}
