import { EntitySchema } from "typeorm";
import type { ConfigTemplateId, ConfigTemplateSpec, TenantId } from "../../../sdk/contract/index.ts";
import { type MetadataRow, metadataColumns, NAME_CHECK } from "./columns.ts";
import { TenantEntity } from "./tenant.ts";

export interface ConfigTemplateRow extends MetadataRow {
  id: ConfigTemplateId;
  tenant_id: TenantId;
  spec: ConfigTemplateSpec;
  published_version: number;
  published_digest: string | null;
  /** Whether every tenant may read it: those of the shared tenant. */
  shared: boolean;
}

export const ConfigTemplateEntity = new EntitySchema<ConfigTemplateRow>({
  name: "config_templates",
  columns: {
    id: { type: "text", primary: true, primaryKeyConstraintName: "config_templates_pkey" },
    tenant_id: { type: "text" },
    ...metadataColumns,
    spec: { type: "json" },
    published_version: { type: "integer" },
    published_digest: { type: "text", nullable: true },
    shared: { type: "boolean", default: false },
  },
  uniques: [
    { name: "config_templates_tenant_id_id_key", columns: ["tenant_id", "id"] },
    { name: "config_templates_tenant_id_name_key", columns: ["tenant_id", "name"] },
  ],
  checks: [{ name: "config_templates_name_check", expression: NAME_CHECK }],
  foreignKeys: [
    {
      name: "config_templates_tenant_id_fkey",
      target: TenantEntity,
      columnNames: ["tenant_id"],
      referencedColumnNames: ["id"],
      onDelete: "CASCADE",
    },
  ],
});
