import type { InstanceEvent, InstanceId, TenantId } from "../../../sdk/contract/index.ts";
import type { InstanceEventRepository } from "../../../service/application/ports/instances/event-repository.ts";
import type { Page } from "../../../service/application/ports/resources/page.ts";
import type { InstanceEventRow } from "../entities/instance-event.ts";
import { formatNumberCursor, parseNumberCursor, readPage } from "../list-page.ts";
import type { Scope } from "../session.ts";

export class PostgresInstanceEventRepository implements InstanceEventRepository {
  readonly #scope: Scope;
  readonly #tenantId: TenantId;

  constructor(scope: Scope, tenantId: TenantId) {
    this.#scope = scope;
    this.#tenantId = tenantId;
  }

  append(instance: InstanceId, event: InstanceEvent): Promise<void> {
    return this.appendAll([{ instance, ...event }]);
  }

  async appendAll(events: readonly (InstanceEvent & { readonly instance: InstanceId })[]): Promise<void> {
    const column = (value: (event: (typeof events)[number]) => string | null) => events.map(value);
    await this.#scope.run((manager) =>
      manager.query(
        `insert into instance_events (id, tenant_id, instance_id, time, type, reason, message, actor)
         select id, $1, instance, time, type, reason, message, actor
         from unnest($2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[])
           with ordinality as e (id, instance, time, type, reason, message, actor, place)
         order by place`,
        [
          this.#tenantId,
          column(({ id }) => id),
          column(({ instance }) => instance),
          column(({ time }) => time),
          column(({ type }) => type),
          column(({ reason }) => reason),
          // Messages quote what programs print; text columns can't hold NUL.
          column(({ message }) => message.replaceAll("\0", "\uFFFD")),
          column(({ actor }) => actor ?? null),
        ],
      ),
    );
  }

  async list(instanceId: string, limit: number, cursor?: string): Promise<Page<InstanceEvent>> {
    return this.#scope.run((manager) =>
      readPage<InstanceEventRow, InstanceEvent>(manager, {
        rowsAfter: (after) => ({
          sql: `select * from instance_events where instance_id = $1 and ($2::bigint is null or sequence < $2)`,
          parameters: [instanceId, after === undefined ? null : parseNumberCursor(after)],
        }),
        cursor,
        order: "sequence desc",
        limit,
        toDomain: toEvent,
        cursorOf: ({ sequence }) => formatNumberCursor(sequence),
      }),
    );
  }

  async listRecent(instanceIds: readonly InstanceId[], limit: number): Promise<ReadonlyMap<InstanceId, readonly InstanceEvent[]>> {
    if (instanceIds.length === 0) {
      return new Map();
    }
    const rows = await this.#scope.run((manager) =>
      manager.query<InstanceEventRow[]>(
        `select e.* from unnest($1::text[]) as i (id)
         cross join lateral (select * from instance_events where instance_id = i.id order by sequence desc limit $2) e
         order by e.sequence desc`,
        [instanceIds, limit],
      ),
    );
    const byInstance = Map.groupBy(rows, (row) => row.instance_id as InstanceId);
    return new Map([...byInstance].map(([id, of]) => [id, of.map(toEvent)]));
  }
}

function toEvent(row: InstanceEventRow): InstanceEvent {
  return {
    id: row.id,
    time: row.time.toISOString(),
    type: row.type,
    reason: row.reason,
    message: row.message,
    ...(row.actor !== null && { actor: row.actor }),
  };
}
