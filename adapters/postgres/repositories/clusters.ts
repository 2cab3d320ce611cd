import { ClawError, type ClusterId, type ListQuery, QUANTITY_MAX } from "../../../sdk/contract/index.ts";
import type { ClusterRepository, ClusterUser, PartedCluster } from "../../../service/application/ports/clusters/repository.ts";
import type { Page, PageQuery, Ref } from "../../../service/application/ports/resources/page.ts";
import type { Cluster, ClusterState, Load } from "../../../service/domain/clusters/cluster.ts";
import { ClusterEntity, type ClusterRow } from "../entities/cluster.ts";
import { fromMetadata, toMetadata } from "../entities/columns.ts";
import { type Listing, listPage, readPage } from "../list-page.ts";
import type { Scope } from "../session.ts";
import { boundedQuantities, columnOf, insertRow, updateRow } from "./rows.ts";

const listing: Listing = {
  columns: "c.*",
  from: "clusters c",
  id: "c.id",
  labels: "c.labels",
  fields: { "metadata.name": { sql: "c.name" }, "metadata.uid": { sql: "c.id" } },
  sorts: {
    "metadata.name": { sql: "c.name", type: "text" },
    "metadata.createdAt": { sql: "c.created_at", type: "timestamptz" },
    "metadata.updatedAt": { sql: "c.updated_at", type: "timestamptz" },
  },
};

/** Users that a refusal names. */
const NAMED = 3;

export class PostgresClusterRepository implements ClusterRepository {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  list(query: ListQuery): Promise<Page<Cluster>> {
    return this.#scope.run((manager) => listPage<ClusterRow, Cluster>(manager, listing, query, toCluster));
  }

  async keep(replica: string, ttlSeconds: number): Promise<readonly Cluster[]> {
    return this.#scope.run(async (manager) => {
      // Rows that somebody has locked are left for the next time: there are several before the time is up.
      await manager.query(
        `update clusters set keeper = $1, kept_until = now() + make_interval(secs => $2::float8)
         where id in (select id from clusters
                      where kept_until is null or kept_until < now() or (keeper = $1 and kept_until < now() + make_interval(secs => $2::float8 / 2))
                      for no key update skip locked)`,
        [replica, ttlSeconds],
      );
      const rows = await manager.query<ClusterRow[]>(`select * from clusters where keeper = $1 and kept_until > now() order by name`, [
        replica,
      ]);
      return rows.map(toCluster);
    });
  }

  async leave(replica: string): Promise<void> {
    await this.#scope.run((manager) => manager.query(`update clusters set keeper = null, kept_until = null where keeper = $1`, [replica]));
  }

  async get(ref: Ref): Promise<Cluster> {
    const cluster = await this.find(ref);
    if (!cluster) {
      throw new ClawError("cluster.not_found", `there is no cluster '${ref}'`);
    }
    return cluster;
  }

  async find(ref: Ref): Promise<Cluster | undefined> {
    const column = columnOf("Cluster", ref);
    const rows = await this.#scope.run((manager) => manager.query<ClusterRow[]>(`select * from clusters where ${column} = $1`, [ref]));
    return rows[0] && toCluster(rows[0]);
  }

  async lock(names?: readonly string[]): Promise<readonly string[]> {
    const [locked] = await this.#scope.run((manager) =>
      manager.query<{ names: string[] }[]>(
        // In the order of their names: two who lock some of the same never wait for one another in a circle.
        `select coalesce(array_agg(name), '{}') as names
         from (select name from clusters where $1::text[] is null or name = any($1) order by name for no key update) locked`,
        [names ?? null],
      ),
    );
    return locked?.names ?? [];
  }

  async insert(cluster: Cluster): Promise<void> {
    const row = { ...toDeclaredRow(cluster), ...toStateRow(cluster.state), keeper: null, kept_until: null };
    if (!(await this.#scope.run((manager) => insertRow(manager, ClusterEntity, row)))) {
      throw new ClawError("cluster.name_taken", `there is a cluster '${cluster.name}' already; choose another name`);
    }
  }

  update(cluster: Cluster, expected: number): Promise<void> {
    return this.#scope.run((manager) => updateRow(manager, ClusterEntity, toDeclaredRow(cluster), expected, "cluster"));
  }

  async updateState(name: string, change: (cluster: Cluster) => ClusterState): Promise<boolean> {
    return this.#scope.run(async (manager) => {
      const [row] = await manager.query<ClusterRow[]>(`select * from clusters where name = $1 for no key update`, [name]);
      if (!row) {
        return false;
      }
      await manager.update(ClusterEntity, { id: row.id }, toStateRow(change(toCluster(row))) as object);
      return true;
    });
  }

  async delete(cluster: Cluster): Promise<void> {
    await this.lock([cluster.name]);
    const { items, nextCursor } = await this.users(cluster.name, { limit: NAMED });
    if (items.length > 0) {
      const named = items.map(({ tenant, instance }) => `${tenant}/${instance}`);
      const fix = cluster.state.reachable === false ? "forget it, when it is gone for good" : "drain it or destroy them first";
      throw new ClawError(
        "cluster.in_use",
        `cluster '${cluster.name}' still has instances: ${named.join(", ")}${nextCursor === undefined ? "" : ", …"}; ${fix}`,
      );
    }
    await this.#scope.run(async (manager) => {
      await manager.query(`delete from leftovers where cluster = $1`, [cluster.name]);
      await manager.query(`insert into parted_clusters (id, cluster) values ($1, $2)`, [cluster.id, cluster]);
      await manager.query(`delete from clusters where id = $1`, [cluster.id]);
    });
  }

  async parted(limit: number): Promise<readonly PartedCluster[]> {
    const rows = await this.#scope.run((manager) =>
      manager.query<{ cluster: Cluster; seconds: number }[]>(
        `select cluster, extract(epoch from now() - deleted_at)::float8 as seconds from parted_clusters order by deleted_at, id limit $1`,
        [limit],
      ),
    );
    return rows.map(({ cluster, seconds }) => ({ cluster, secondsAgo: seconds }));
  }

  async forgetParted(id: ClusterId): Promise<void> {
    await this.#scope.run((manager) => manager.query(`delete from parted_clusters where id = $1`, [id]));
  }

  async allocated(): Promise<ReadonlyMap<string, Load>> {
    const rows = await this.#scope.run((manager) =>
      manager.query<{ cluster: string; instances: string; cpu: string; memory_bytes: string }[]>(
        `select cluster, count(*) as instances, sum(least(cpu, ${QUANTITY_MAX}) * replicas) as cpu,
                sum(least(memory_bytes, ${QUANTITY_MAX}) * replicas) as memory_bytes
         from (select cluster, replicas, cpu, memory_bytes from instances
               union all select moved_from, replicas, cpu, memory_bytes from instances where moved_from is not null) placed
         group by cluster`,
      ),
    );
    return new Map(
      rows.map((row) => [row.cluster, { instances: Number(row.instances), cpu: Number(row.cpu), memoryBytes: Number(row.memory_bytes) }]),
    );
  }

  users(name: string, { limit, cursor }: PageQuery): Promise<Page<ClusterUser>> {
    return this.#scope.run((manager) =>
      readPage<{ tenant_id: ClusterUser["tenantId"]; tenant: string; name: string }, ClusterUser>(manager, {
        rowsAfter: (after) => {
          const [tenant = null, instance = null] = after?.split("/") ?? [];
          return {
            sql: `select i.tenant_id, t.name as tenant, i.name from instances i join tenants t on t.id = i.tenant_id
              where (i.cluster = $1 or i.moved_from = $1) and not i.forget and ($2::text is null or (t.name, i.name) > ($2, $3::text))`,
            parameters: [name, tenant, instance],
          };
        },
        cursor,
        order: "t.name, i.name",
        limit,
        toDomain: (row) => ({ tenantId: row.tenant_id, tenant: row.tenant, instance: row.name }),
        cursorOf: (last) => `${last.tenant}/${last.name}`,
      }),
    );
  }
}

function toDeclaredRow(cluster: Cluster): Omit<ClusterRow, "state" | "reachable" | "keeper" | "kept_until"> {
  return { id: cluster.id, ...fromMetadata(cluster), spec: cluster.spec };
}

function toStateRow(state: ClusterState): Pick<ClusterRow, "state" | "reachable"> {
  return { reachable: state.reachable ?? null, state };
}

function toCluster(row: ClusterRow): Cluster {
  const { capacity, ...spec } = row.spec;
  const bounded = capacity && { capacity: boundedQuantities(capacity) };
  return { id: row.id, ...toMetadata(row), spec: { ...spec, ...bounded }, state: row.state };
}
