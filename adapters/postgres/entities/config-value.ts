import { EntitySchema } from "typeorm";
import type { TenantId } from "../../../sdk/contract/index.ts";
import type { ConfigLevel } from "../../../service/domain/configs/config-template.ts";
import { TenantEntity } from "./tenant.ts";

export interface ConfigValueRow {
  tenant_id: TenantId;
  level: ConfigLevel;
  /** Id of the tenant, project or instance; empty at the global level. */
  owner_id: string;
  key: string;
  value: unknown;
  secret: boolean;
}

export const ConfigValueEntity = new EntitySchema<ConfigValueRow>({
  name: "config_values",
  columns: {
    tenant_id: { type: "text", primary: true, primaryKeyConstraintName: "config_values_pkey" },
    level: { type: "text", primary: true, primaryKeyConstraintName: "config_values_pkey" },
    owner_id: { type: "text", primary: true, primaryKeyConstraintName: "config_values_pkey" },
    key: { type: "text", primary: true, primaryKeyConstraintName: "config_values_pkey" },
    value: { type: "json" },
    secret: { type: "boolean" },
  },
  checks: [
    { name: "config_values_level_check", expression: "level in ('global', 'tenant', 'project', 'instance')" },
    { name: "config_values_owner_id_check", expression: "(level = 'global') = (owner_id = '')" },
  ],
  foreignKeys: [
    {
      name: "config_values_tenant_id_fkey",
      target: TenantEntity,
      columnNames: ["tenant_id"],
      referencedColumnNames: ["id"],
      onDelete: "CASCADE",
    },
  ],
});
