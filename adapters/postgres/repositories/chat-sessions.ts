import type { TenantId } from "../../../sdk/contract/index.ts";
import type { ChatSessionRepository } from "../../../service/application/ports/instances/chat-session-repository.ts";
import type { Scope } from "../session.ts";

interface ChatSessionRow {
  readonly subject: string;
  readonly name: string;
  readonly last_used_at: Date;
}

export class PostgresChatSessionRepository implements ChatSessionRepository {
  readonly #scope: Scope;
  readonly #tenantId: TenantId;

  constructor(scope: Scope, tenantId: TenantId) {
    this.#scope = scope;
    this.#tenantId = tenantId;
  }

  async note({ instanceId, subject, name, usedAt }: Parameters<ChatSessionRepository["note"]>[0], keep: number): Promise<void> {
    await this.#scope.run((manager) =>
      manager.query(
        `insert into chat_sessions (tenant_id, instance_id, subject, name, last_used_at) values ($1, $2, $3, $4, $5)
         on conflict (instance_id, subject, name) do update set last_used_at = greatest(chat_sessions.last_used_at, excluded.last_used_at)`,
        [this.#tenantId, instanceId, subject, name, usedAt],
      ),
    );
    await this.#scope.run((manager) =>
      manager.query(
        `delete from chat_sessions where instance_id = $1 and subject = $2 and name in
           (select name from chat_sessions where instance_id = $1 and subject = $2 order by last_used_at desc, name offset $3)`,
        [instanceId, subject, keep],
      ),
    );
  }

  list: ChatSessionRepository["list"] = async (instanceId, subjects) => {
    const rows = await this.#scope.run((manager) =>
      manager.query<ChatSessionRow[]>(
        `select subject, name, last_used_at from chat_sessions where instance_id = $1 and subject = any($2) order by last_used_at desc, name`,
        [instanceId, [...subjects]],
      ),
    );
    return rows.map(({ name, last_used_at }) => ({ name, lastUsedAt: last_used_at.toISOString() }));
  };
}
