import type { ConfigValuesId, InstanceId, ListQuery, ProjectId } from "../../../sdk/contract/index.ts";
import type { ConfigValuesRepository, FormerValues } from "../../../service/application/ports/configs/repositories.ts";
import type { Page, Ref } from "../../../service/application/ports/resources/page.ts";
import { levelOf, type StoredConfigValues } from "../../../service/domain/configs/config-values.ts";
import { fromMetadata, toMetadata } from "../entities/columns.ts";
import { ConfigValuesEntity, type ConfigValuesRow } from "../entities/config-values.ts";
import type { Scope } from "../session.ts";
import { PlainRows } from "./plain-rows.ts";
import { columnOf } from "./rows.ts";

const toValues = (row: ConfigValuesRow): StoredConfigValues => ({
  id: row.id,
  tenantId: row.tenant_id,
  ...toMetadata(row),
  spec: row.spec,
  projectId: row.project_id ?? undefined,
  instanceId: row.instance_id ?? undefined,
  settings: row.settings,
});

/** What is the tenant's as a whole is in each of its projects. */
const OF_ALL = "" as ProjectId;
const OWN_TENANT = "current_setting('claw.tenant_id', true)";
/** Which rows projects and instances see. */
const SEEN = `(level = 'global' or tenant_id = ${OWN_TENANT} and (level = 'tenant'
            or level = 'project' and project_id = any($1) or level = 'instance' and instance_id = any($2)))`;
const AS_IT_WAS = "id, tenant_id, name, resource_version, spec, level, project_id, instance_id, settings";

export class PostgresConfigValuesRepository extends PlainRows<ConfigValuesRow, StoredConfigValues> implements ConfigValuesRepository {
  constructor(scope: Scope) {
    super(scope, {
      kind: "ConfigValues",
      table: "config_values",
      entity: ConfigValuesEntity,
      project: `coalesce(r.project_id, '${OF_ALL}')`,
      toDomain: toValues,
      toRow: (values) => ({
        id: values.id,
        tenant_id: values.tenantId,
        ...fromMetadata(values),
        spec: values.spec,
        level: levelOf(values.spec.at),
        project_id: values.projectId ?? null,
        instance_id: values.instanceId ?? null,
        settings: values.settings,
      }),
    });
  }

  override list(query: ListQuery, projects?: readonly ProjectId[]): Promise<Page<StoredConfigValues>> {
    return super.list(query, projects && [...projects, OF_ALL]);
  }

  override async find(ref: Ref): Promise<StoredConfigValues | undefined> {
    const [row] = await this.scope.run((manager) =>
      manager.query<ConfigValuesRow[]>(
        `select * from config_values where ${columnOf("ConfigValues", ref)} = $1 order by tenant_id = ${OWN_TENANT} desc limit 1`,
        [ref],
      ),
    );
    return row && toValues(row);
  }

  async listFor(projectIds: readonly ProjectId[], instanceIds: readonly InstanceId[]): Promise<readonly StoredConfigValues[]> {
    const rows = await this.scope.run((manager) =>
      manager.query<ConfigValuesRow[]>(`select * from config_values where ${SEEN} order by name, id`, [projectIds, instanceIds]),
    );
    return rows.map(toValues);
  }

  async listAsOf(at: string, projectIds: readonly ProjectId[], instanceIds: readonly InstanceId[]): Promise<readonly StoredConfigValues[]> {
    const rows = await this.scope.run((manager) =>
      manager.query<ConfigValuesRow[]>(
        `select ${AS_IT_WAS}, since as created_at, since as updated_at, 1 as generation, '{}'::json as labels, '{}'::json as annotations
         from (select ${AS_IT_WAS}, updated_at as since from config_values where updated_at <= $3 and ${SEEN}
               union all
               select ${AS_IT_WAS}, since from former_config_values where since <= $3 and until > $3 and ${SEEN}) v
         order by name, id`,
        [projectIds, instanceIds, at],
      ),
    );
    return rows.map(toValues);
  }

  async listFormer(after: FormerValues | undefined, limit: number): Promise<readonly FormerValues[]> {
    const rows = await this.scope.run((manager) =>
      manager.query<Pick<ConfigValuesRow, "id" | "resource_version" | "spec">[]>(
        `select id, resource_version, spec from former_config_values
         where tenant_id = ${OWN_TENANT} and (id, resource_version) > ($1, $2) order by id, resource_version limit $3`,
        [after?.id ?? "", after?.resourceVersion ?? 0, limit],
      ),
    );
    return rows.map(({ id, resource_version, spec }) => ({ id, resourceVersion: resource_version, spec }));
  }

  async rewriteFormer({ id, resourceVersion, spec }: FormerValues): Promise<void> {
    await this.scope.run((manager) =>
      manager.query(`update former_config_values set spec = $3 where id = $1 and resource_version = $2`, [
        id,
        resourceVersion,
        JSON.stringify(spec),
      ]),
    );
  }

  override async update(values: StoredConfigValues, expected: number): Promise<void> {
    await this.#keep(values.id, values.updatedAt);
    await super.update(values, expected);
  }

  async remove(id: ConfigValuesId, at: string): Promise<void> {
    await this.#keep(id, at);
    await this.delete(id);
  }

  /** What is sealed anew and says the same has been written at the same time: nothing of it is former. */
  async #keep(id: ConfigValuesId, until: string): Promise<void> {
    await this.scope.run((manager) =>
      manager.query(
        `insert into former_config_values (${AS_IT_WAS}, since, until)
         select ${AS_IT_WAS}, updated_at, $2::timestamptz from config_values
         where id = $1 and tenant_id = ${OWN_TENANT} and updated_at < $2::timestamptz`,
        [id, until],
      ),
    );
  }
}
