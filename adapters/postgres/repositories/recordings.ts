import type { Recording, RecordingQuery, TenantId } from "../../../sdk/contract/index.ts";
import type {
  OldRecordings,
  RecordingRepository,
  RemovedRecording,
} from "../../../service/application/ports/instances/recording-repository.ts";
import type { Page } from "../../../service/application/ports/resources/page.ts";
import type { RecordingPartRow, RecordingRow } from "../entities/recording.ts";
import { readPage } from "../list-page.ts";
import type { Scope } from "../session.ts";

export class PostgresRecordingRepository implements RecordingRepository {
  readonly #scope: Scope;
  readonly #tenantId: TenantId;

  constructor(scope: Scope, tenantId: TenantId) {
    this.#scope = scope;
    this.#tenantId = tenantId;
  }

  async insert({ id, instance, actor, startedAt }: Recording): Promise<void> {
    await this.#scope.run((manager) =>
      manager.query(
        `insert into recordings (tenant_id, id, instance_id, instance_name, actor, started_at) values ($1, $2, $3, $4, $5, $6)`,
        [this.#tenantId, id, instance.uid, instance.name, actor, startedAt],
      ),
    );
  }

  async append(id: string, sequence: number, sealed: string, bytes: number): Promise<void> {
    await this.#scope.run((manager) =>
      manager.query(
        `with part as (insert into recording_parts (tenant_id, recording_id, sequence, sealed) values ($1, $2, $3, $4))
         update recordings set bytes = bytes + $5 where tenant_id = $1 and id = $2`,
        [this.#tenantId, id, sequence, sealed, bytes],
      ),
    );
  }

  async end(id: string, at: Date): Promise<void> {
    await this.#scope.run((manager) => manager.query(`update recordings set ended_at = $2 where id = $1`, [id, at]));
  }

  async get(id: string): Promise<Recording | undefined> {
    const [row] = await this.#scope.run((manager) => manager.query<RecordingRow[]>(`select * from recordings where id = $1`, [id]));
    return row && toRecording(row);
  }

  list({ instance, limit, cursor }: RecordingQuery): Promise<Page<Recording>> {
    return this.#scope.run((manager) =>
      readPage<RecordingRow, Recording>(manager, {
        // Ids are in the order of their making.
        rowsAfter: (after) => ({
          sql: `select * from recordings where ($1::text is null or instance_id = $1 or instance_name = $1) and ($2::text is null or id < $2)`,
          parameters: [instance ?? null, after ?? null],
        }),
        cursor,
        order: "id desc",
        limit,
        toDomain: toRecording,
        cursorOf: ({ id }) => id,
      }),
    );
  }

  parts(id: string, after: number, limit: number): Promise<readonly Pick<RecordingPartRow, "sequence" | "sealed">[]> {
    return this.#scope.run((manager) =>
      manager.query<Pick<RecordingPartRow, "sequence" | "sealed">[]>(
        `select sequence, sealed from recording_parts where recording_id = $1 and sequence > $2 order by sequence limit $3`,
        [id, after, limit],
      ),
    );
  }
}

export class PostgresOldRecordings implements OldRecordings {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  async remove(atMost: number): Promise<readonly RemovedRecording[]> {
    const rows = await this.#scope.run((manager) =>
      manager.query<{ of_tenant: TenantId; recording: string; of_instance: string; called: string; kept_days: number }[]>(
        `select * from remove_old_recordings($1)`,
        [atMost],
      ),
    );
    return rows.map((row) => ({
      tenantId: row.of_tenant,
      id: row.recording,
      instance: { name: row.called, uid: row.of_instance },
      days: row.kept_days,
    }));
  }
}

function toRecording(row: RecordingRow): Recording {
  return {
    id: row.id,
    instance: { name: row.instance_name, uid: row.instance_id },
    actor: row.actor,
    startedAt: row.started_at.toISOString(),
    ...(row.ended_at !== null && { endedAt: row.ended_at.toISOString() }),
    bytes: row.bytes,
  };
}
