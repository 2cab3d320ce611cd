import type { KeyringRepository } from "../../../service/application/ports/secrets/keyring-repository.ts";
import type { Scope } from "../session.ts";

export class PostgresKeyringRepository implements KeyringRepository {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  async find(name: string): Promise<string | undefined> {
    // Locked: of replicas that start together, one makes what is missing.
    const [row] = await this.#scope.run(async (manager) => {
      await manager.query(`select pg_advisory_xact_lock(hashtextextended('claw keyring', 0))`);
      return manager.query<{ value: string }[]>(`select value from keyring where name = $1`, [name]);
    });
    return row?.value;
  }

  async put(name: string, value: string): Promise<void> {
    await this.#scope.run((manager) =>
      manager.query(`insert into keyring (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value`, [
        name,
        value,
      ]),
    );
  }
}
