import type { InstanceEvent, TenantId } from "../../../sdk/contract/index.ts";
import type { InstanceEventRepository, Page } from "../../../service/application/ports/transactions.ts";
import type { InstanceEventRow } from "../entities/instance-event.ts";
import { invalidQuery } from "../selectors.ts";
import type { Scope } from "../session.ts";

export class PostgresInstanceEventRepository implements InstanceEventRepository {
  readonly #scope: Scope;
  readonly #tenantId: TenantId;

  constructor(scope: Scope, tenantId: TenantId) {
    this.#scope = scope;
    this.#tenantId = tenantId;
  }

  async append(instanceId: string, event: InstanceEvent): Promise<void> {
    await this.#scope.run((manager) =>
      manager.query(
        `insert into instance_events (id, tenant_id, instance_id, time, type, reason, message, actor)
         values ($1, $2, $3, $4, $5, $6, $7, $8)`,
        [
          event.id,
          this.#tenantId,
          instanceId,
          event.time,
          event.type,
          event.reason,
          // Messages quote what programs print; text columns can't hold NUL.
          event.message.replaceAll("\0", "\uFFFD"),
          event.actor ?? null,
        ],
      ),
    );
  }

  async list(instanceId: string, limit: number, cursor?: string): Promise<Page<InstanceEvent>> {
    const before = cursor === undefined ? undefined : Buffer.from(cursor, "base64url").toString();
    if (before !== undefined && !/^\d{1,18}$/.test(before)) {
      throw invalidQuery("cursor", "this is not a cursor of this list", "start again without one");
    }
    const rows = await this.#scope.run((manager) =>
      manager.query<InstanceEventRow[]>(
        `select * from instance_events where instance_id = $1 and ($2::bigint is null or sequence < $2)
         order by sequence desc limit $3`,
        [instanceId, before ?? null, limit + 1],
      ),
    );
    const items = rows.slice(0, limit);
    const last = items.at(-1);
    const page = { items: items.map(toEvent) };
    return rows.length > limit && last ? { ...page, nextCursor: Buffer.from(last.sequence).toString("base64url") } : page;
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
