import type { SecretId } from "../../../sdk/contract/index.ts";
import type { SecretRepository } from "../../../service/application/ports/secrets/secret-repository.ts";
import type { SecretState, StoredSecret } from "../../../service/domain/secrets/secret.ts";
import { fromMetadata, toMetadata } from "../entities/columns.ts";
import { SecretEntity, type SecretRow } from "../entities/secret.ts";
import type { Scope } from "../session.ts";
import { PlainRows } from "./plain-rows.ts";

const toSecret = (row: SecretRow): StoredSecret => ({
  id: row.id,
  tenantId: row.tenant_id,
  ...toMetadata(row),
  spec: row.spec,
  shared: row.shared,
  state: row.state,
});

export class PostgresSecretRepository extends PlainRows<SecretRow, StoredSecret> implements SecretRepository {
  /** Sees those of the platform, which no tenant does. */
  readonly #platform: Scope;

  constructor(scope: Scope, platform: Scope) {
    super(scope, {
      kind: "Secret",
      table: "secrets",
      entity: SecretEntity,
      toDomain: toSecret,
      toRow: (secret) => ({
        id: secret.id,
        tenant_id: secret.tenantId,
        ...fromMetadata(secret),
        spec: secret.spec,
        shared: secret.shared,
        state: secret.state,
        // What is new of it is read at once.
        due_at: secret.spec.source === undefined ? null : new Date(0),
      }),
    });
    this.#platform = platform;
  }

  async count(): Promise<number> {
    const [row] = await this.scope.run((manager) => manager.query<{ count: string }[]>(`select count(*) from secrets`));
    return Number(row?.count);
  }

  async named(names: readonly string[], of: "tenant" | "platform"): Promise<readonly StoredSecret[]> {
    if (names.length === 0) {
      return [];
    }
    const scope = of === "tenant" ? this.scope : this.#platform;
    const sql = `select * from secrets where name = any($1)${of === "platform" ? " and shared" : ""}`;
    return (await scope.run((manager) => manager.query<SecretRow[]>(sql, [names]))).map(toSecret);
  }

  async updateState(
    { id, resourceVersion }: { readonly id: SecretId; readonly resourceVersion: number },
    state: SecretState,
    inSeconds: number,
  ): Promise<boolean> {
    const sql = `update secrets set state = $3, due_at = now() + $4 * interval '1 second' where id = $1 and resource_version = $2`;
    const values = [id, resourceVersion, JSON.stringify(state), inSeconds];
    const [, count] = await this.scope.run((manager) => manager.query<[unknown, number]>(sql, values));
    return count > 0;
  }
}
