import { ClawError, type TenantId } from "../../../sdk/contract/index.ts";
import type { Answer, IdempotencyRepository } from "../../../service/application/ports/resources/idempotency-repository.ts";
import type { IdempotencyKeyRow } from "../entities/idempotency-key.ts";
import type { Scope } from "../session.ts";

/** Whose keys those are that are of no tenant. */
export const PLATFORM_KEYS = "platform";

export class PostgresIdempotencyRepository implements IdempotencyRepository {
  readonly #scope: Scope;
  readonly #owner: TenantId | typeof PLATFORM_KEYS;

  constructor(scope: Scope, owner: TenantId | typeof PLATFORM_KEYS) {
    this.#scope = scope;
    this.#owner = owner;
  }

  async claim(key: string, requestDigest: string): Promise<Answer | undefined> {
    return this.#scope.run(async (manager) => {
      // The insert waits for a transaction that claims the same key. A row that is gone right after it was in the way was released, or
      // was an old one, which go with each claim: one statement, as every write has one.
      const insert = () =>
        manager.query<unknown[]>(
          `with old as (delete from idempotency_keys where tenant_id = $1 and created_at < now() - interval '1 day')
           insert into idempotency_keys (tenant_id, key, request_digest) values ($1, $2, $3) on conflict do nothing returning 1`,
          [this.#owner, key, requestDigest],
        );
      while ((await insert()).length === 0) {
        const [row] = await manager.query<(IdempotencyKeyRow & { abandoned: boolean })[]>(
          `select *, status is null and created_at < now() - interval '1 minute' as abandoned
           from idempotency_keys where tenant_id = $1 and key = $2 for update`,
          [this.#owner, key],
        );
        if (row) {
          return this.#take(row, requestDigest, () =>
            manager.query(`update idempotency_keys set created_at = now() where tenant_id = $1 and key = $2`, [this.#owner, key]),
          );
        }
      }
      return undefined;
    });
  }

  async complete(key: string, answer: Answer): Promise<void> {
    await this.#scope.run((manager) =>
      manager.query(`update idempotency_keys set status = $3, body = $4, warnings = $5 where tenant_id = $1 and key = $2`, [
        this.#owner,
        key,
        answer.status,
        answer.body === undefined ? null : JSON.stringify(answer.body),
        answer.warnings.length === 0 ? null : JSON.stringify(answer.warnings),
      ]),
    );
  }

  async release(key: string): Promise<void> {
    await this.#scope.run((manager) =>
      manager.query(`delete from idempotency_keys where tenant_id = $1 and key = $2 and status is null`, [this.#owner, key]),
    );
  }

  async #take(
    row: IdempotencyKeyRow & { abandoned: boolean },
    requestDigest: string,
    renew: () => Promise<unknown>,
  ): Promise<Answer | undefined> {
    if (row.request_digest !== requestDigest) {
      throw new ClawError(
        "request.idempotency_mismatch",
        `the idempotency key '${row.key}' was used for another request; use a new key for each`,
      );
    }
    if (row.status !== null) {
      return { status: row.status, body: row.body, warnings: row.warnings ?? [] };
    }
    if (!row.abandoned) {
      throw new ClawError("request.in_progress", `the request with the idempotency key '${row.key}' is being served; repeat it in a while`);
    }
    await renew();
    return undefined;
  }
}
