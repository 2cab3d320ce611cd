import type { InstanceId, ListQuery, ProjectId } from "../../../sdk/contract/index.ts";
import type { ConfigValuesRepository } from "../../../service/application/ports/configs/repositories.ts";
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
      manager.query<ConfigValuesRow[]>(
        `select * from config_values
         where level = 'global' or tenant_id = ${OWN_TENANT} and (level = 'tenant'
            or level = 'project' and project_id = any($1) or level = 'instance' and instance_id = any($2))
         order by name, id`,
        [projectIds, instanceIds],
      ),
    );
    return rows.map(toValues);
  }
}
