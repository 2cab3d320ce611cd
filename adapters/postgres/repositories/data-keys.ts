import type { DataKey, DataKeyRepository } from "../../../service/application/ports/secrets/data-key-repository.ts";
import type { WrappedKey } from "../../../service/application/ports/secrets/key-provider.ts";
import type { Scope } from "../session.ts";

interface Row {
  readonly id: string;
  readonly wrapped: string;
  readonly wrapped_by: string;
  readonly created_at: Date;
  readonly wrapped_at: Date;
}

export class PostgresDataKeyRepository implements DataKeyRepository {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  async list(): Promise<readonly DataKey[]> {
    const rows = await this.#scope.run(async (manager) => {
      await manager.query(`select pg_advisory_xact_lock(hashtextextended('claw data keys', 0))`);
      return manager.query<Row[]>(`select * from data_keys order by created_at desc, id`);
    });
    return rows.map(({ id, wrapped, wrapped_by, created_at, wrapped_at }) => ({
      ...{ id, wrapped, wrappedBy: wrapped_by },
      createdAt: created_at.toISOString(),
      wrappedAt: wrapped_at.toISOString(),
    }));
  }

  async insert({ id, wrapped, wrappedBy }: Pick<DataKey, "id" | "wrapped" | "wrappedBy">): Promise<void> {
    await this.#scope.run((manager) =>
      manager.query(`insert into data_keys (id, wrapped, wrapped_by) values ($1, $2, $3)`, [id, wrapped, wrappedBy]),
    );
  }

  async rewrap(id: string, { wrapped, wrappedBy }: WrappedKey): Promise<void> {
    await this.#scope.run((manager) =>
      manager.query(`update data_keys set wrapped = $2, wrapped_by = $3, wrapped_at = now() where id = $1`, [id, wrapped, wrappedBy]),
    );
  }
}
