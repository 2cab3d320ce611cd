import type { BusMessage } from "../../../sdk/contract/index.ts";
import type { OutboxRepository } from "../../../service/application/ports/events/outbox.ts";
import type { OutboxEventRow } from "../entities/outbox-event.ts";
import type { Scope } from "../session.ts";

export class PostgresOutboxRepository implements OutboxRepository {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  async claim(limit: number): Promise<readonly { readonly sequence: string; readonly message: BusMessage }[]> {
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
      return rows.map(({ sequence, tenant_id: tenantId, id, aggregate, event, time, data }) => ({
        sequence,
        message: { id, tenantId, aggregate, event, time: time.toISOString(), data } as BusMessage,
      }));
    });
  }

  async markPublished(sequences: readonly string[]): Promise<void> {
    await this.#scope.run((manager) => manager.query(`delete from outbox where sequence = any($1::bigint[])`, [sequences]));
  }
}
