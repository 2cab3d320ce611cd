import type { Replica, ReplicaRepository } from "../../../service/application/ports/service/replica-repository.ts";
import type { Scope } from "../session.ts";

/** PostgreSQL cuts the names of its connections there. */
const NAME_BYTES_MAX = 63;

/** Each says every ten seconds where it is. */
const LATELY_SECONDS = 30;

/** What the connections of a replica are called: those that are there are the replicas that are there. */
export function connectionName({ name, version }: Replica): string {
  return Buffer.from(`claw ${version} ${name}`).subarray(0, NAME_BYTES_MAX).toString();
}

export class PostgresReplicaRepository implements ReplicaRepository {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  async list(): Promise<readonly Replica[]> {
    const rows = await this.#scope.run((manager) =>
      manager.query<{ application: string }[]>(
        `select distinct application_name as application from pg_stat_activity
         where datname = current_database() and application_name ~ '^claw \\d\\S* \\S' order by 1 limit 100`,
      ),
    );
    return rows.map(({ application }) => {
      const [, version = "", name = ""] = /^claw (\S+) (.*)$/.exec(application) ?? [];
      return { name, version };
    });
  }

  async tell(url: string): Promise<void> {
    await this.#scope.run((manager) =>
      manager.query(`insert into replica_urls values ($1, now()) on conflict (url) do update set seen_at = excluded.seen_at`, [url]),
    );
  }

  async leave(url: string): Promise<void> {
    await this.#scope.run((manager) => manager.query(`delete from replica_urls where url = $1`, [url]));
  }

  async urls(): Promise<readonly string[]> {
    const rows = await this.#scope.run((manager) =>
      manager.query<{ url: string }[]>(
        `select url from replica_urls where seen_at > now() - interval '${LATELY_SECONDS} seconds' order by url limit 100`,
      ),
    );
    return rows.map(({ url }) => url);
  }
}
