import type { LeftoverReason } from "../../../sdk/contract/index.ts";
import type { FoundLeftover, LeftoverRepository, Place, StoredLeftover } from "../../../service/application/ports/clusters/leftovers.ts";
import type { Page } from "../../../service/application/ports/resources/page.ts";
import { type Listing, listPage } from "../list-page.ts";
import type { Scope } from "../session.ts";

interface LeftoverRow {
  id: string;
  cluster: string;
  host: string | null;
  kind: string;
  namespace: string | null;
  name: string;
  instance: string | null;
  tenant: string | null;
  kept_for: LeftoverReason | null;
  since: Date;
}

const listing: Listing = {
  columns: "l.*",
  from: "leftovers l",
  id: "l.id",
  labels: "'{}'::jsonb",
  fields: Object.fromEntries(["cluster", "kind", "instance", "tenant"].map((name) => [name, { sql: `l.${name}` }])),
  sorts: { since: { sql: "l.since", type: "timestamptz" } },
};

export class PostgresLeftoverRepository implements LeftoverRepository {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  list(query: Parameters<LeftoverRepository["list"]>[0]): Promise<Page<StoredLeftover>> {
    return this.#scope.run((manager) => listPage<LeftoverRow, StoredLeftover>(manager, listing, query, toLeftover));
  }

  async note(place: Place, found: readonly FoundLeftover[], now: string): Promise<readonly (StoredLeftover & { added: boolean })[]> {
    const rows = found.map((thing) => ({ ...thing, id: idOf(place, thing), kept_for: thing.keptFor }));
    return this.#scope.run(async (manager) => {
      await manager.query(`delete from leftovers where cluster = $1 and host is not distinct from $2 and id <> all($3::text[])`, [
        place.cluster,
        place.host ?? null,
        rows.map(({ id }) => id),
      ]);
      const stored = await manager.query<(LeftoverRow & { added: boolean })[]>(
        `insert into leftovers (id, cluster, host, kind, namespace, name, instance, tenant, kept_for, since)
         select f.id, $1, $2, f.kind, f.namespace, f.name, f.instance, f.tenant, f.kept_for, $4
         from json_to_recordset($3::json)
           as f (id text, kind text, namespace text, name text, instance text, tenant text, kept_for text)
         order by f.id
         on conflict (id) do update set kept_for = excluded.kept_for, instance = excluded.instance, tenant = excluded.tenant,
           since = case when leftovers.instance is not distinct from excluded.instance then leftovers.since else excluded.since end
         returning *, since = $4 as added`,
        [place.cluster, place.host ?? null, JSON.stringify(rows), now],
      );
      return stored.map((row) => ({ ...toLeftover(row), added: row.added }));
    });
  }

  async remove(leftover: StoredLeftover): Promise<boolean> {
    const [, count] = await this.#scope.run((manager) =>
      manager.query<[unknown, number]>(`delete from leftovers where id = $1`, [idOf(leftover, leftover)]),
    );
    return count > 0;
  }
}

function idOf({ cluster, host }: Place, { kind, namespace, name }: FoundLeftover): string {
  return JSON.stringify([cluster, host, kind, namespace, name]);
}

function toLeftover(row: LeftoverRow): StoredLeftover {
  return {
    kind: row.kind,
    name: row.name,
    ...(row.namespace !== null && { namespace: row.namespace }),
    cluster: row.cluster,
    ...(row.host !== null && { host: row.host }),
    ...(row.instance !== null && { instance: row.instance }),
    ...(row.tenant !== null && { tenant: row.tenant }),
    ...(row.kept_for !== null && { keptFor: row.kept_for }),
    since: row.since.toISOString(),
  };
}
