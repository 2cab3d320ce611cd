import type { CustomKind, InstanceId, SecretId, TenantId } from "../../../sdk/contract/index.ts";
import type { UsageSample } from "../../../service/application/ports/instances/agents.ts";
import type { ToCheck, ToDeliver, WorkRepository } from "../../../service/application/ports/stacks/work-repository.ts";
import type { Tenant } from "../../../service/domain/tenancy/tenant.ts";
import type { TenantRow } from "../entities/tenant.ts";
import type { Scope } from "../session.ts";
import { DUE, IS_TOKEN_TAKEN, WORKPLACE } from "./instances.ts";
import { toTenant } from "./tenants.ts";

/**
 * What differs when a row of a kind that is asked about has been written. xmin is the transaction that wrote the row last: it counts what no
 * column of ours does. A tenant's status has its instances' number.
 */
const VERSIONS: Readonly<Record<CustomKind, string>> = {
  ClawInstance: versionsIn("instances"),
  ClawType: versionsIn("claw_types"),
  ConfigTemplate: versionsIn("config_templates"),
  ConfigValues: versionsIn("config_values"),
  Rollout: versionsIn("rollouts"),
  Tenant: `select a.key, t.xmin::text || '/' || (select count(*) from instances i where i.tenant_id = t.id) as version
    from asked a join tenants t on t.name = a.name`,
};

function versionsIn(table: string): string {
  return `select a.key, r.xmin::text as version
    from asked a join tenants t on t.name = a.tenant join ${table} r on r.tenant_id = t.id and r.name = a.name`;
}

export class PostgresWorkRepository implements WorkRepository {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  async listStacksDue(limit: number): Promise<readonly { tenant: Tenant; cluster: string }[]> {
    const rows = await this.#scope.run((manager) =>
      manager.query<(TenantRow & { workplace: string })[]>(
        `select t.*, waiting.workplace from tenants t
         join (select i.tenant_id, ${WORKPLACE} as workplace, min(i.updated_at) as since, bool_or(i.forget) as forgets,
                      row_number() over (partition by ${WORKPLACE} order by min(i.updated_at), i.tenant_id) as turn
               from instances i where ${DUE} group by i.tenant_id, ${WORKPLACE}) waiting
           on waiting.tenant_id = t.id
         where waiting.forgets or not exists (select from clusters c where c.name = waiting.workplace and c.reachable is false)
         order by waiting.turn, waiting.since, t.id, waiting.workplace limit $1`,
        [limit],
      ),
    );
    return rows.map((row) => ({ tenant: toTenant(row), cluster: row.workplace }));
  }

  async claimRefresh(periodSeconds: number): Promise<{ tenant: Tenant; cluster: string } | undefined> {
    return this.#scope.run(async (manager) => {
      await manager.query(
        `insert into stack_refreshes
         select tenant_id, cluster, now() + random() * $1 * interval '1 second' from instances i
         where not exists (select from stack_refreshes r where r.tenant_id = i.tenant_id and r.cluster = i.cluster)
         group by tenant_id, cluster on conflict do nothing`,
        [periodSeconds],
      );
      const [[claimed] = []] = await manager.query<[{ tenant_id: TenantId; cluster: string }[], number]>(
        `update stack_refreshes set due_at = now() + (0.9 + 0.2 * random()) * $1 * interval '1 second'
         where (tenant_id, cluster) = (
           select tenant_id, cluster from stack_refreshes r where due_at <= now()
             and exists (select from instances i where i.tenant_id = r.tenant_id and i.cluster = r.cluster)
             and not exists (select from clusters c where c.name = r.cluster and c.reachable is false)
           order by due_at limit 1 for update skip locked)
         returning tenant_id, cluster`,
        [periodSeconds],
      );
      if (!claimed) {
        return undefined;
      }
      const [row] = await manager.query<TenantRow[]>(`select * from tenants where id = $1`, [claimed.tenant_id]);
      return row && { tenant: toTenant(row), cluster: claimed.cluster };
    });
  }

  async claimSecrets(limit: number, putOffSeconds: number): Promise<readonly { tenant: Tenant; id: SecretId }[]> {
    return this.#scope.run(async (manager) => {
      const [claimed] = await manager.query<[{ tenant_id: TenantId; id: SecretId }[], number]>(
        `update secrets set due_at = now() + $2 * interval '1 second'
         where id in (select id from secrets where due_at <= now() order by due_at limit $1 for update skip locked)
         returning tenant_id, id`,
        [limit, putOffSeconds],
      );
      const rows = await manager.query<TenantRow[]>(`select * from tenants where id = any($1)`, [claimed.map((row) => row.tenant_id)]);
      const tenants = new Map(rows.map((row) => [row.id, toTenant(row)]));
      return claimed.flatMap(({ tenant_id, id }) => {
        const tenant = tenants.get(tenant_id);
        return tenant ? [{ tenant, id }] : [];
      });
    });
  }

  async recordUsage(samples: readonly UsageSample[]): Promise<void> {
    const column = (key: keyof (typeof samples)[number]) => samples.map((sample) => sample[key]);
    await this.#scope.run((manager) =>
      manager.query(
        `insert into instance_usage (instance_id, tenant_id, cpu, memory_bytes, sampled_at)
         select i.id, i.tenant_id, s.cpu, s.memory, s.at
         from unnest($1::text[], $2::float8[], $3::bigint[], $4::timestamptz[]) as s (id, cpu, memory, at) join instances i on i.id = s.id
         order by i.id
         on conflict (instance_id) do update
           set cpu = excluded.cpu, memory_bytes = excluded.memory_bytes, sampled_at = excluded.sampled_at
           where excluded.sampled_at > instance_usage.sampled_at or instance_usage.sampled_at > now() + interval '5 minutes'`,
        [column("instance"), column("cpu"), column("memoryBytes"), column("time")],
      ),
    );
  }

  async findVersions(keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const found = Object.entries(VERSIONS).map(([kind, rows]) => `${rows} where a.kind = '${kind}'`);
    const rows = await this.#scope.run((manager) =>
      manager.query<{ key: string; version: string }[]>(
        `with asked as (select key, split_part(key, '/', 1) as kind, split_part(key, '/', 2) as tenant, split_part(key, '/', 3) as name
                        from unnest($1::text[]) as key)
         ${found.join(" union all ")}`,
        [keys],
      ),
    );
    return new Map(rows.map(({ key, version }) => [key, version]));
  }

  async findStopping(cluster: string, ids: readonly InstanceId[]): Promise<readonly { tenantId: TenantId; id: InstanceId }[]> {
    const rows = await this.#scope.run((manager) =>
      manager.query<{ tenant_id: TenantId; id: InstanceId }[]>(
        `select tenant_id, id from instances
         where cluster = $1 and id = any($2) and not running and phase <> 'Stopped'
           and observed_generation = generation and deleted_at is null and moved_from is null`,
        [cluster, ids],
      ),
    );
    return rows.map(({ tenant_id, id }) => ({ tenantId: tenant_id, id }));
  }

  async listToDeliver(ids: readonly InstanceId[], asking: readonly InstanceId[]): Promise<readonly ToDeliver[]> {
    const rows = await this.#scope.run((manager) =>
      manager.query<
        { tenant_id: TenantId; id: InstanceId; name: string; generation: number; frame: string; handed: string; due: boolean }[]
      >(
        `select * from (
           select tenant_id, id, name, generation, delivery->>'frame' as frame, delivery->>'handed' as handed,
             (generation > observed_generation and (delivery->>'generation')::integer < generation)
               or delivery->>'handed' is distinct from agent->>'stored' as due
           from instances where id = any($1) and delivery->>'frame' is not null and deleted_at is null and moved_from is null and running
         ) held where due or id = any($2)`,
        [ids, asking],
      ),
    );
    return rows.map(({ tenant_id, id, name, generation, frame, handed, due }) => ({
      tenantId: tenant_id,
      id,
      name,
      handed,
      isDue: due,
      state: `${generation}/${frame}/${handed}`,
    }));
  }

  async listToCheck(ids: readonly InstanceId[]): Promise<readonly ToCheck[]> {
    const rows = await this.#scope.run((manager) =>
      manager.query<{ tenant_id: TenantId; id: InstanceId; name: string; state: string }[]>(
        `select tenant_id, id, name, concat_ws('/', disk, agent->>'stored', found->>'disk', found->>'stored', found->'revert'->>'at', generation) as state
         from (
           select tenant_id, id, name, generation, agent, consistency as found, agent->'disk'->>'digest' as disk,
             json_array_length(agent->'disk'->'altered') > 0 as altered
           from instances where id = any($1) and agent->'disk' is not null and deleted_at is null and moved_from is null and running
             and generation = observed_generation and delivery->>'handed' = agent->>'stored'
         ) held
         where (altered or json_array_length(found->'differences') > 0)
           and (found is null or found->>'disk' <> disk or found->>'stored' <> agent->>'stored')
           or found->'revert' is not null
           or (found->>'again')::timestamptz <= now()`,
        [ids],
      ),
    );
    return rows.map(({ tenant_id, ...row }) => ({ tenantId: tenant_id, ...row }));
  }

  async findTenantOf(instanceId: InstanceId): Promise<TenantId | undefined> {
    const [row] = await this.#scope.run((manager) =>
      manager.query<{ tenant_id: TenantId }[]>("select tenant_id from instances where id = $1", [instanceId]),
    );
    return row?.tenant_id;
  }

  async findAgentToken(instanceId: InstanceId): Promise<{ tenantId: TenantId; taken: number; askedAt: string } | undefined> {
    const [row] = await this.#scope.run((manager) =>
      manager.query<{ tenant_id: TenantId; agent_token_taken: number; asked_at: string }[]>(
        // Later than any connection that is known, also after a clock that was set back.
        `select tenant_id, agent_token_taken, to_char(
           greatest(clock_timestamp(), (agent->>'connectedAt')::timestamptz + interval '1 microsecond') at time zone 'utc',
           'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as asked_at
         from instances where id = $1`,
        [instanceId],
      ),
    );
    return row && { tenantId: row.tenant_id, taken: row.agent_token_taken, askedAt: row.asked_at };
  }

  async listOldTokens(days: number, limit: number): Promise<readonly { tenantId: TenantId; id: InstanceId }[]> {
    const rows = await this.#scope.run((manager) =>
      manager.query<{ tenant_id: TenantId; id: InstanceId }[]>(
        `select tenant_id, id from instances
         where agent_token_since < now() - $1 * interval '1 day' and ${IS_TOKEN_TAKEN} and running and deleted_at is null
         order by agent_token_since, id limit $2`,
        [days, limit],
      ),
    );
    return rows.map(({ tenant_id, id }) => ({ tenantId: tenant_id, id }));
  }

  async existingAmong(ids: readonly InstanceId[]): Promise<readonly InstanceId[]> {
    const rows = await this.#scope.run((manager) =>
      manager.query<{ id: InstanceId }[]>("select id from instances where id = any($1)", [ids]),
    );
    return rows.map(({ id }) => id);
  }
}
