import { EntitySchema } from "typeorm";
import type { ConfigTemplateId, ConfigTemplateSpec, TenantId } from "../../../sdk/contract/index.ts";
import type { ConfigVersion } from "../../../service/domain/configs/config-template.ts";
import { timestamp } from "./columns.ts";
import { ConfigTemplateEntity } from "./config-template.ts";

export interface ConfigVersionRow {
  tenant_id: TenantId;
  template_id: ConfigTemplateId;
  version: number;
  spec: ConfigTemplateSpec;
  digest: string;
  author: string;
  message: string;
  created_at: Date;
  extended: ConfigVersion["extended"] | null;
  written: ConfigTemplateSpec | null;
  restores: number | null;
}

export const ConfigVersionEntity = new EntitySchema<ConfigVersionRow>({
  name: "config_versions",
  columns: {
    tenant_id: { type: "text" },
    template_id: { type: "text", primary: true, primaryKeyConstraintName: "config_versions_pkey" },
    version: { type: "integer", primary: true, primaryKeyConstraintName: "config_versions_pkey" },
    spec: { type: "json" },
    digest: { type: "text" },
    author: { type: "text" },
    message: { type: "text" },
    created_at: timestamp,
    extended: { type: "json", nullable: true },
    written: { type: "json", nullable: true },
    restores: { type: "integer", nullable: true },
  },
  indices: [{ name: "config_versions_tenant_id_template_id_idx", columns: ["tenant_id", "template_id"] }],
  checks: [{ name: "config_versions_version_check", expression: "version > 0" }],
  foreignKeys: [
    {
      name: "config_versions_tenant_id_template_id_fkey",
      target: ConfigTemplateEntity,
      columnNames: ["tenant_id", "template_id"],
      referencedColumnNames: ["tenant_id", "id"],
      onDelete: "CASCADE",
    },
  ],
});
