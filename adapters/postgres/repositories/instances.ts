import type { EntityManager } from "typeorm";
import {
  boundedQuantity,
  ClawError,
  ConditionType,
  type InstanceId,
  InstancePhase,
  type ProjectId,
  parseQuantity,
  QUANTITY_MAX,
} from "../../../sdk/contract/index.ts";
import type { InstanceRepository, InstanceUse, ResourceUsage } from "../../../service/application/ports/instances/repository.ts";
import type { Page, PageQuery, Ref, Selection } from "../../../service/application/ports/resources/page.ts";
import { DELIVERY_SECONDS } from "../../../service/domain/instances/delivery.ts";
import type { ConfiguredMark, Instance, InstanceState } from "../../../service/domain/instances/instance.ts";
import { AGENT_CHANNEL, WORK_CHANNEL } from "../channels.ts";
import { fromMetadata, toMetadata } from "../entities/columns.ts";
import { InstanceEntity, type InstanceRow } from "../entities/instance.ts";
import { type Listing, listPage, readPage } from "../list-page.ts";
import type { Scope } from "../session.ts";
import { boundedQuantities, columnOf, insertRow, notFound, updateRow } from "./rows.ts";

type JoinedRow = InstanceRow & { project_name: string; usage_cpu: number | null; usage_memory_bytes: string; usage_at: Date };

type MarkRow = Pick<
  JoinedRow,
  "id" | "name" | "type" | "template" | "project_name" | "generation" | "deleted_at" | "cluster" | "moved_from" | "observed_generation"
>;

const COLUMNS = "i.*, p.name as project_name, u.cpu as usage_cpu, u.memory_bytes as usage_memory_bytes, u.sampled_at as usage_at";
/** Of a claw that has stopped, or whose host tells nothing any more, the last sample says nothing. */
const from = `instances i join projects p on p.tenant_id = i.tenant_id and p.id = i.project_id
  left join instance_usage u on u.instance_id = i.id and i.running and u.sampled_at > now() - interval '5 minutes'
    and u.sampled_at < now() + interval '5 minutes' and u.cpu <= 1e6 and u.memory_bytes <= ${QUANTITY_MAX}`;
/** Each takes its time to be judged. */
const VERSIONS_MAX = 20;
const select = `select ${COLUMNS} from ${from}`;

/** Work is due: the reconciler has not seen the newest generation, and the pause after a failure is over. */
export const DUE = "i.generation > i.observed_generation and (i.next_attempt_at is null or i.next_attempt_at <= now())";
/** Where the next operation on an instance takes place: one that moves first leaves. */
export const WORKPLACE = "coalesce(i.moved_from, i.cluster)";

/** Its agent has the newest. Two renewals of which it took neither would leave it without any that is good. */
export const IS_TOKEN_TAKEN = "agent_token_taken = agent_token";

/** Until when the engine leaves an instance of which something new is wanted to a delivery: to one whose agent could take it. */
const LEFT_TO_DELIVERY = `case when delivery->>'frame' is not null and agent->>'stored' is not null and deleted_at is null and moved_from is null
  and exists (select from json_array_elements(conditions) c where c->>'type' = '${ConditionType.AgentConnected}' and c->>'status' = 'True')
  then now() + interval '${DELIVERY_SECONDS} seconds' end`;

const listing: Listing = {
  columns: COLUMNS,
  from,
  id: "i.id",
  labels: "i.labels",
  project: "i.project_id",
  fields: {
    "metadata.name": { sql: "i.name" },
    "metadata.uid": { sql: "i.id" },
    "metadata.project": { sql: "p.name" },
    "spec.type": { sql: "i.type", ignoreCase: true },
    "spec.running": { sql: "i.running::text", values: ["true", "false"] },
    "spec.config.template": { sql: "i.template" },
    "status.phase": { sql: "i.phase", values: Object.values(InstancePhase) },
    "status.cluster": { sql: "i.cluster" },
  },
  sorts: {
    "metadata.name": { sql: "i.name", type: "text" },
    "metadata.createdAt": { sql: "i.created_at", type: "timestamptz" },
    "metadata.updatedAt": { sql: "i.updated_at", type: "timestamptz" },
    "metadata.project": { sql: "p.name", type: "text" },
    "spec.type": { sql: "i.type", type: "text" },
    "status.phase": { sql: "i.phase", type: "text" },
  },
};

export class PostgresInstanceRepository implements InstanceRepository {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  list(query: Selection, projects?: readonly ProjectId[]): Promise<Page<Instance>> {
    return this.#scope.run((manager) => listPage<JoinedRow, Instance>(manager, listing, query, toInstance, projects));
  }

  async get(ref: Ref): Promise<Instance> {
    const instance = await this.find(ref);
    if (!instance) {
      throw await notFound(this.#scope, "ClawInstance", "instances", ref);
    }
    return instance;
  }

  async find(ref: Ref): Promise<Instance | undefined> {
    const column = columnOf("ClawInstance", ref);
    const rows = await this.#query(`${select} where i.${column} = $1`, [ref]);
    return rows[0];
  }

  findAll(names: readonly string[]): Promise<readonly Instance[]> {
    return this.#query(`${select} where i.name = any($1)`, [names]);
  }

  async insert(instance: Instance): Promise<void> {
    const row = { ...toDeclaredRow(instance), ...toStateRow(instance.status) };
    if (!(await this.#scope.run((manager) => insertRow(manager, InstanceEntity, row)))) {
      throw new ClawError("instance.name_taken", `there is an instance '${instance.name}' already; choose another name`);
    }
  }

  update(instance: Instance, expected: number): Promise<void> {
    return this.#scope.run(async (manager) => {
      // Attempts are counted per generation: a new one starts afresh, without waiting out the old one's pause.
      const [, count] = await manager.query<[unknown, number]>(
        `update instances set attempts = 0, next_attempt_at = case when $4 then ${LEFT_TO_DELIVERY} end
         where id = $1 and resource_version = $2 and generation <> $3`,
        [instance.id, expected, instance.generation, instance.spec.running && !instance.deletedAt && !instance.movedFrom],
      );
      if (count > 0) {
        await tellWork(manager);
      }
      await updateRow(manager, InstanceEntity, toDeclaredRow(instance), expected, "instance");
    });
  }

  /** The domain's `requestReconcile` in one statement, for a whole fleet; a test holds the two together. */
  async requestReconcile(ids: readonly InstanceId[]): Promise<void> {
    await this.#scope.run(async (manager) => {
      await manager.query(
        `update instances set generation = generation + 1, attempts = 0, next_attempt_at = case when running then ${LEFT_TO_DELIVERY} end where id = any($1)`,
        [ids],
      );
      await tellWork(manager);
    });
  }

  async renewAgentTokens(ids: readonly InstanceId[]): Promise<readonly InstanceId[]> {
    return this.#scope.run(async (manager) => {
      const [rows] = await manager.query<[{ id: InstanceId }[], number]>(
        `update instances set agent_token = agent_token + 1, agent_token_since = now() where id = any($1) and ${IS_TOKEN_TAKEN} returning id`,
        [ids],
      );
      return rows.map(({ id }) => id);
    });
  }

  async takeAgentToken(id: InstanceId, number: number): Promise<void> {
    // Of a database that was put back to an earlier state, agents have newer ones than it knows of.
    await this.#scope.run((manager) =>
      manager.query(
        `with taken as (
           update instances set agent_token_taken = $2, agent_token = greatest(agent_token, $2) where id = $1 and agent_token_taken < $2 returning id)
         select pg_notify('${AGENT_CHANNEL}', id) from taken`,
        [id, number],
      ),
    );
  }

  async updateStatus(id: InstanceId, change: (instance: Instance) => InstanceState): Promise<boolean> {
    return (await this.updateStatuses([id], change)).length > 0;
  }

  async updateStatuses(ids: readonly InstanceId[], change: (instance: Instance) => InstanceState): Promise<readonly Instance[]> {
    return this.#scope.run(async (manager) => {
      // In the order of their ids: two who write some of the same never wait for one another in a circle.
      const rows = await manager.query<JoinedRow[]>(`${select} where i.id = any($1) order by i.id for no key update of i`, [ids]);
      const instances = rows.map(toInstance);
      if (instances.length > 0) {
        const states = instances.map((instance) => toStateRow(change(instance)));
        const columns = Object.entries(STATE_COLUMNS) as [StateColumn, string][];
        const names = columns.map(([name]) => name).join(", ");
        const values = columns.map(([name, type]) =>
          states.map((state) => (type === "json" && state[name] !== null ? JSON.stringify(state[name]) : state[name])),
        );
        await manager.query(
          `update instances i set (${names}) = (select ${columns.map(([name]) => `s.${name}`).join(", ")})
           from unnest($1::text[], ${columns.map(([, type], index) => `$${index + 2}::${type}[]`).join(", ")}) s (id, ${names})
           where i.id = s.id`,
          [instances.map(({ id }) => id), ...values],
        );
      }
      return instances;
    });
  }

  async delete(id: InstanceId, generation: number): Promise<boolean> {
    return this.#scope.run(async (manager) => {
      const [, count] = await manager.query<[unknown, number]>(`delete from instances where id = $1 and generation = $2`, [id, generation]);
      return count > 0;
    });
  }

  async usage(projectId?: ProjectId): Promise<ResourceUsage> {
    const [sums] = await this.#scope.run((manager) =>
      manager.query<{ instances: string; cpu: string; memory_bytes: string; storage_bytes: string }[]>(
        `select count(*) as instances,
                coalesce(sum(least(cpu, ${QUANTITY_MAX}) * replicas), 0) as cpu,
                coalesce(sum(least(memory_bytes, ${QUANTITY_MAX}) * replicas), 0) as memory_bytes,
                coalesce(sum(least(storage_bytes, ${QUANTITY_MAX}) * replicas), 0) as storage_bytes
         from instances where deleted_at is null and ($1::text is null or project_id = $1)`,
        [projectId ?? null],
      ),
    );
    return {
      instances: Number(sums?.instances),
      cpu: Number(sums?.cpu),
      memoryBytes: Number(sums?.memory_bytes),
      storageBytes: Number(sums?.storage_bytes),
    };
  }

  async countByProject(): Promise<ReadonlyMap<ProjectId, number>> {
    const rows = await this.#scope.run((manager) =>
      manager.query<{ project_id: ProjectId; count: string }[]>(`select project_id, count(*) from instances group by project_id`),
    );
    return new Map(rows.map(({ project_id, count }) => [project_id, Number(count)]));
  }

  listUsing(use: InstanceUse, page: PageQuery): Promise<Page<Instance>> {
    return this.#pageOf<JoinedRow, Instance>(select, use, page, toInstance);
  }

  listMarks(use: InstanceUse | "any", page: PageQuery): Promise<Page<ConfiguredMark>> {
    const marks = `select i.id, i.name, i.type, i.template, p.name as project_name, i.generation, i.deleted_at, i.cluster, i.moved_from, i.observed_generation
      from instances i join projects p on p.tenant_id = i.tenant_id and p.id = i.project_id`;
    return this.#pageOf<MarkRow, ConfiguredMark>(marks, use, page, (row) => ({
      id: row.id,
      name: row.name,
      type: row.type,
      template: row.template ?? undefined,
      projectName: row.project_name,
      generation: row.generation,
      deletedAt: row.deleted_at?.toISOString(),
      cluster: row.cluster,
      movedFrom: row.moved_from ?? undefined,
      status: { observedGeneration: row.observed_generation },
    }));
  }

  listDue(cluster: string, limit: number): Promise<readonly Instance[]> {
    return this.#query(`${select} where ${DUE} and ${WORKPLACE} = $1 order by i.updated_at, i.id limit $2`, [cluster, limit]);
  }

  versionsUsing(template: string): Promise<{ version: string | undefined; instance: string }[]> {
    const sql = `select spec->>'version' as version, min(name) as instance from instances
      where template = $1 and deleted_at is null group by 1 order by 1 limit ${VERSIONS_MAX}`;
    return this.#scope.run(async (manager) => {
      const rows = await manager.query<{ version: string | null; instance: string }[]>(sql, [template]);
      return rows.map(({ version, instance }) => ({ version: version ?? undefined, instance }));
    });
  }

  async markMoved(id: InstanceId): Promise<void> {
    await this.#scope.run((manager) =>
      manager.query(`update instances set moved_from = null, forget = forget and deleted_at is not null where id = $1`, [id]),
    );
  }

  #pageOf<Row extends { name: string }, T>(
    from: string,
    use: InstanceUse | "any",
    { limit, cursor }: PageQuery,
    toDomain: (row: Row) => T,
  ): Promise<Page<T>> {
    const [used, name] = usedBy(use);
    return this.#scope.run((manager) =>
      readPage<Row, T>(manager, {
        rowsAfter: (after) => ({ sql: `${from} where ${used} and ($2::text is null or i.name > $2)`, parameters: [name, after ?? null] }),
        cursor,
        order: "i.name",
        limit,
        toDomain,
        cursorOf: (last) => last.name,
      }),
    );
  }

  #query(sql: string, parameters: unknown[]): Promise<Instance[]> {
    return this.#scope.run(async (manager: EntityManager) => (await manager.query<JoinedRow[]>(sql, parameters)).map(toInstance));
  }
}

/** Where values of an instance `i` are kept, and the versions of a template `t` that it uses: both are `s`. */
const ITS_VALUES = `config_values s where (s.level in ('global', 'tenant')
  or s.level = 'project' and s.project_id = i.project_id or s.level = 'instance' and s.instance_id = i.id)`;
const ITS_VERSION = `config_templates t join config_versions s on s.template_id = t.id
  and s.version = coalesce((i.spec->'config'->>'version')::integer, t.published_version) where t.name = i.template`;
const NAMES_IT = `strpos(s.spec::text, $1) > 0`;
const NAMED_BY_TENANT = `(strpos(i.spec::text, $1) > 0
  or exists (select from ${ITS_VALUES} and s.tenant_id = i.tenant_id and ${NAMES_IT})
  or exists (select from ${ITS_VERSION} and t.tenant_id = i.tenant_id and ${NAMES_IT}))`;
const NAMED_BY_PLATFORM = `(exists (select from ${ITS_VALUES} and s.tenant_id <> i.tenant_id and ${NAMES_IT})
  or exists (select from ${ITS_VERSION} and t.tenant_id <> i.tenant_id and ${NAMES_IT}
    and not exists (select from config_templates own where own.tenant_id = i.tenant_id and own.name = t.name)))`;

/** What selects them, and its parameter. */
function usedBy(use: InstanceUse | "any"): readonly [sql: string, name: string | null] {
  if (use === "any") {
    return ["$1::text is null", null];
  }
  if ("template" in use) {
    return ["i.template = $1", use.template];
  }
  if ("type" in use) {
    return ["i.type = $1", use.type];
  }
  if ("cluster" in use) {
    return ["(i.cluster = $1 or i.moved_from = $1)", use.cluster];
  }
  if ("secret" in use) {
    // As it is written by JSON.stringify, which columns of the type json keep as it is.
    return [use.shared ? NAMED_BY_PLATFORM : NAMED_BY_TENANT, JSON.stringify({ secretRef: use.secret }).slice(1, -1)];
  }
  return "project" in use ? ["i.project_id = $1", use.project] : ["i.id = $1", use.instance];
}

/** Tells every replica, once this is committed. */
async function tellWork(manager: EntityManager): Promise<void> {
  await manager.query(`select pg_notify('${WORK_CHANNEL}', '')`);
}

const STATE_COLUMNS = {
  phase: "text",
  observed_generation: "integer",
  last_transition_time: "timestamptz",
  conditions: "json",
  agent: "json",
  pod: "json",
  drift: "json",
  delivery: "json",
  consistency: "json",
  config_version: "integer",
  attempts: "integer",
  next_attempt_at: "timestamptz",
} as const satisfies Partial<Record<keyof InstanceRow, string>>;
type StateColumn = keyof typeof STATE_COLUMNS;
/** Written by themselves: a write of the instance must not bring a former token back. */
type TokenColumn = "agent_token" | "agent_token_since" | "agent_token_taken";

function toDeclaredRow(instance: Instance): Omit<InstanceRow, StateColumn | TokenColumn> {
  const { spec } = instance;
  return {
    id: instance.id,
    tenant_id: instance.tenantId,
    project_id: instance.projectId,
    ...fromMetadata(instance),
    spec,
    settings: instance.settings,
    type: spec.type,
    template: spec.config.template ?? null,
    replicas: spec.replicas,
    running: spec.running,
    // In thousandths, as cores are counted: 0.7 and not 0.7000000000000001.
    cpu: parseQuantity(spec.resources.cpu).toFixed(3),
    memory_bytes: String(parseQuantity(spec.resources.memory)),
    storage_bytes: String(parseQuantity(spec.storage.size)),
    port: spec.network.port ?? null,
    restarted_at: toDate(instance.restartedAt),
    deleted_at: toDate(instance.deletedAt),
    purge_data: instance.purgeData,
    forget: instance.forget,
    cluster: instance.cluster,
    moved_from: instance.movedFrom ?? null,
  };
}

function toStateRow(state: InstanceState): Pick<InstanceRow, StateColumn> {
  return {
    phase: state.phase,
    observed_generation: state.observedGeneration,
    last_transition_time: new Date(state.lastTransitionTime),
    conditions: state.conditions,
    agent: state.agent ?? null,
    pod: state.pod ?? null,
    drift: state.drift,
    delivery: state.delivery ?? null,
    consistency: state.consistency ?? null,
    config_version: state.configVersion ?? null,
    attempts: state.attempts,
    next_attempt_at: toDate(state.nextAttemptAt),
  };
}

/** Rows from before quantities had a bound are read within it: they must not spoil the lists that they are in. */
function boundedSpec(spec: InstanceRow["spec"]): InstanceRow["spec"] {
  const { resources, storage } = spec;
  return {
    ...spec,
    resources: boundedQuantities(resources),
    storage: { ...storage, size: boundedQuantity(storage.size) },
  };
}

function toInstance(row: JoinedRow): Instance {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    projectId: row.project_id,
    projectName: row.project_name,
    ...toMetadata(row),
    spec: boundedSpec(row.spec),
    settings: row.settings,
    restartedAt: row.restarted_at?.toISOString(),
    deletedAt: row.deleted_at?.toISOString(),
    purgeData: row.purge_data,
    forget: row.forget,
    cluster: row.cluster,
    movedFrom: row.moved_from ?? undefined,
    agentToken: row.agent_token,
    ...(row.usage_cpu !== null && {
      usage: { cpu: row.usage_cpu, memoryBytes: Number(row.usage_memory_bytes), time: row.usage_at.toISOString() },
    }),
    status: {
      phase: row.phase,
      observedGeneration: row.observed_generation,
      lastTransitionTime: row.last_transition_time.toISOString(),
      conditions: row.conditions,
      agent: row.agent ?? undefined,
      pod: row.pod ?? undefined,
      drift: row.drift,
      delivery: row.delivery ?? undefined,
      consistency: row.consistency ?? undefined,
      configVersion: row.config_version ?? undefined,
      attempts: row.attempts,
      nextAttemptAt: row.next_attempt_at?.toISOString(),
    },
  };
}

function toDate(time: string | undefined): Date | null {
  return time === undefined ? null : new Date(time);
}
