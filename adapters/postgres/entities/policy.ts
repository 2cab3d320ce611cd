import { EntitySchema } from "typeorm";
import type { PolicyId, PolicySpec, ProjectId, TenantId } from "../../../sdk/contract/index.ts";
import { type MetadataRow, metadataColumns, NAME_CHECK } from "./columns.ts";
import { ProjectEntity } from "./project.ts";
import { TenantEntity } from "./tenant.ts";

export interface PolicyRow extends MetadataRow {
  id: PolicyId;
  tenant_id: TenantId;
  spec: PolicySpec;
  project_id: ProjectId | null;
  platform: boolean;
}

export const PolicyEntity = new EntitySchema<PolicyRow>({
  name: "policies",
  columns: {
    id: { type: "text", primary: true, primaryKeyConstraintName: "policies_pkey" },
    tenant_id: { type: "text" },
    ...metadataColumns,
    spec: { type: "json" },
    project_id: { type: "text", nullable: true },
    platform: { type: "boolean" },
  },
  uniques: [{ name: "policies_tenant_id_name_key", columns: ["tenant_id", "name"] }],
  checks: [
    { name: "policies_name_check", expression: NAME_CHECK },
    { name: "policies_platform_check", expression: "not platform or project_id is null" },
  ],
  indices: [
    { name: "policies_tenant_id_project_id_idx", columns: ["tenant_id", "project_id"] },
    { name: "policies_platform_idx", columns: ["platform"], where: "platform" },
  ],
  foreignKeys: [
    {
      name: "policies_tenant_id_fkey",
      target: TenantEntity,
      columnNames: ["tenant_id"],
      referencedColumnNames: ["id"],
      onDelete: "CASCADE",
    },
    {
      name: "policies_tenant_id_project_id_fkey",
      target: ProjectEntity,
      columnNames: ["tenant_id", "project_id"],
      referencedColumnNames: ["tenant_id", "id"],
      onDelete: "CASCADE",
    },
  ],
});
