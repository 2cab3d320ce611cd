import type { TokenRepository } from "../../../service/application/ports/access/token-repository.ts";
import { ApiTokenEntity, type ApiTokenRow } from "../entities/api-token.ts";
import type { Scope } from "../session.ts";
import { insertRow } from "./rows.ts";

export class PostgresTokenRepository implements TokenRepository {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  async find(digest: string): ReturnType<TokenRepository["find"]> {
    const [row] = await this.#scope.run((manager) => manager.query<ApiTokenRow[]>(`select * from api_tokens where digest = $1`, [digest]));
    return row && { subject: row.subject, tenantId: row.tenant_id ?? undefined, platform: row.platform };
  }

  /** Inserting a token again changes nothing: replicas that start at once all insert the bootstrap token. */
  async insert(token: Parameters<TokenRepository["insert"]>[0]): Promise<void> {
    await this.#scope.run((manager) =>
      insertRow(manager, ApiTokenEntity, {
        digest: token.digest,
        subject: token.subject,
        tenant_id: token.tenantId ?? null,
        platform: token.platform,
      }),
    );
  }

  async replaceOthers({ digest, subject }: Parameters<TokenRepository["replaceOthers"]>[0]): Promise<void> {
    await this.#scope.run((manager) =>
      manager.query(`delete from api_tokens where platform and subject = $1 and digest <> $2`, [subject, digest]),
    );
  }
}
