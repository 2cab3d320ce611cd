import type { TenantId } from "../../../sdk/contract/index.ts";
import type { DomainEvent, OutboxRepository } from "../../../service/application/ports/transactions.ts";
import type { OutboxEventRow } from "../entities/outbox-event.ts";
import type { Scope } from "../session.ts";

export class PostgresOutboxRepository implements OutboxRepository {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  async claim(limit: number): Promise<readonly (DomainEvent & { readonly tenantId: TenantId; readonly sequence: string })[]> {
    return this.#scope.run(async (manager) => {
      // One relay at a time: two with disjoint batches would publish a tenant's events out of order. The lock is taken in a
      // statement of its own, so that what the next one sees includes all that the former relay did.
      const [lock] = await manager.query<{ taken: boolean }[]>(
        `select pg_try_advisory_xact_lock(hashtextextended('claw outbox relay', 0)) as taken`,
      );
      if (!lock?.taken) {
        return [];
      }
      const rows = await manager.query<OutboxEventRow[]>(`select * from outbox order by sequence limit $1`, [limit]);
      return rows.map((row) => ({
        tenantId: row.tenant_id,
        sequence: row.sequence,
        id: row.id,
        aggregate: row.aggregate,
        event: row.event,
        time: row.time.toISOString(),
        data: row.data,
      }));
    });
  }

  async markPublished(sequences: readonly string[]): Promise<void> {
    await this.#scope.run((manager) => manager.query(`delete from outbox where sequence = any($1::bigint[])`, [sequences]));
  }
}
