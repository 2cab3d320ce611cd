import type { InstanceId, InstanceOperation, ResourceProgress, TenantId } from "../../../sdk/contract/index.ts";
import type { OperationRepository } from "../../../service/application/ports/instances/operation-repository.ts";
import { type KeptOperation, withEnd } from "../../../service/domain/instances/operation.ts";
import type { Scope } from "../session.ts";

/** As long as a stack stays with a worker that gives no sign of life. */
const LOST_AFTER = "30 seconds";

interface OperationRow {
  readonly id: string;
  readonly kind: InstanceOperation["kind"];
  readonly generation: number;
  readonly state: InstanceOperation["state"];
  readonly started_at: Date;
  readonly ended_at: Date | null;
  readonly seen_at: Date;
  readonly resources: ResourceProgress[];
  readonly is_lost: boolean;
}

export class PostgresOperationRepository implements OperationRepository {
  readonly #scope: Scope;
  readonly #tenantId: TenantId;

  constructor(scope: Scope, tenantId: TenantId) {
    this.#scope = scope;
    this.#tenantId = tenantId;
  }

  async write(operations: readonly KeptOperation[]): Promise<void> {
    const column = (value: (operation: KeptOperation) => string | number | null) => operations.map(value);
    await this.#scope.run((manager) =>
      manager.query(
        `insert into instance_operations (tenant_id, id, instance_id, kind, generation, state, started_at, ended_at, seen_at, resources)
         select $1, o.id, i.id, o.kind, o.generation, o.state, o.started_at, o.ended_at, now(), o.resources::json
         from unnest($2::text[], $3::text[], $4::text[], $5::int[], $6::text[], $7::timestamptz[], $8::timestamptz[], $9::text[])
           as o (id, instance, kind, generation, state, started_at, ended_at, resources)
         join instances i on i.id = o.instance
         on conflict (instance_id, id) do update
           set state = excluded.state, ended_at = excluded.ended_at, seen_at = excluded.seen_at, resources = excluded.resources`,
        [
          this.#tenantId,
          column(({ id }) => id),
          column(({ instance }) => instance),
          column(({ kind }) => kind),
          column(({ generation }) => generation),
          column(({ state }) => state),
          column(({ startedAt }) => startedAt),
          column(({ endedAt }) => endedAt ?? null),
          column(({ resources }) => JSON.stringify(resources)),
        ],
      ),
    );
  }

  async trim(instances: readonly InstanceId[], keep: number): Promise<void> {
    await this.#scope.run((manager) =>
      manager.query(
        `delete from instance_operations o using unnest($1::text[]) as i (id)
         cross join lateral (select id from instance_operations where instance_id = i.id order by id desc offset $2) old
         where o.instance_id = i.id and o.id = old.id`,
        [instances, keep],
      ),
    );
  }

  async list(instance: InstanceId): Promise<readonly InstanceOperation[]> {
    const rows = await this.#scope.run((manager) =>
      manager.query<OperationRow[]>(
        `select *, state = 'running' and seen_at < now() - interval '${LOST_AFTER}' as is_lost
         from instance_operations where instance_id = $1 order by id desc`,
        [instance],
      ),
    );
    return rows.map(toOperation);
  }
}

function toOperation(row: OperationRow): InstanceOperation {
  const { id, kind, generation, state, resources } = row;
  const ended = row.ended_at && { endedAt: row.ended_at.toISOString() };
  const operation = { id, kind, generation, state, startedAt: row.started_at.toISOString(), ...ended, resources };
  return row.is_lost ? withEnd(operation, "interrupted", row.seen_at.toISOString()) : operation;
}
