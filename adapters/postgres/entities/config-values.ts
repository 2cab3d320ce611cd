import { EntitySchema } from "typeorm";
import type { ConfigValuesId, ConfigValuesSpec, InstanceId, ProjectId, TenantId } from "../../../sdk/contract/index.ts";
import type { ConfigLevel, Settings } from "../../../service/domain/configs/config-values.ts";
import { type MetadataRow, metadataColumns, NAME_CHECK } from "./columns.ts";
import { InstanceEntity } from "./instance.ts";
import { ProjectEntity } from "./project.ts";
import { TenantEntity } from "./tenant.ts";

export interface ConfigValuesRow extends MetadataRow {
  id: ConfigValuesId;
  tenant_id: TenantId;
  spec: ConfigValuesSpec;
  level: ConfigLevel;
  project_id: ProjectId | null;
  instance_id: InstanceId | null;
  settings: Settings;
}

export const ConfigValuesEntity = new EntitySchema<ConfigValuesRow>({
  name: "config_values",
  columns: {
    id: { type: "text", primary: true, primaryKeyConstraintName: "config_values_pkey" },
    tenant_id: { type: "text" },
    ...metadataColumns,
    spec: { type: "json" },
    level: { type: "text" },
    project_id: { type: "text", nullable: true },
    instance_id: { type: "text", nullable: true },
    settings: { type: "json" },
  },
  uniques: [{ name: "config_values_tenant_id_name_key", columns: ["tenant_id", "name"] }],
  checks: [
    { name: "config_values_name_check", expression: NAME_CHECK },
    {
      name: "config_values_level_check",
      expression: `case level when 'project' then project_id is not null and instance_id is null
        when 'instance' then project_id is not null and instance_id is not null
        else level in ('global', 'tenant') and project_id is null and instance_id is null end`,
    },
  ],
  indices: [
    { name: "config_values_tenant_id_project_id_idx", columns: ["tenant_id", "project_id"] },
    { name: "config_values_instance_id_idx", columns: ["instance_id"] },
    { name: "config_values_global_idx", columns: ["level"], where: "level = 'global'" },
  ],
  foreignKeys: [
    {
      name: "config_values_tenant_id_fkey",
      target: TenantEntity,
      columnNames: ["tenant_id"],
      referencedColumnNames: ["id"],
      onDelete: "CASCADE",
    },
    {
      name: "config_values_tenant_id_project_id_fkey",
      target: ProjectEntity,
      columnNames: ["tenant_id", "project_id"],
      referencedColumnNames: ["tenant_id", "id"],
      onDelete: "CASCADE",
    },
    {
      name: "config_values_instance_id_fkey",
      target: InstanceEntity,
      columnNames: ["instance_id"],
      referencedColumnNames: ["id"],
      onDelete: "CASCADE",
    },
  ],
});
