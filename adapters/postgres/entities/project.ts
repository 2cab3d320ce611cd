import { EntitySchema } from "typeorm";
import type { ProjectId, ProjectSpec, TenantId } from "../../../sdk/contract/index.ts";
import { type MetadataRow, metadataColumns, NAME_CHECK } from "./columns.ts";
import { TenantEntity } from "./tenant.ts";

export interface ProjectRow extends MetadataRow {
  id: ProjectId;
  tenant_id: TenantId;
  spec: ProjectSpec;
}

export const ProjectEntity = new EntitySchema<ProjectRow>({
  name: "projects",
  columns: {
    id: { type: "text", primary: true, primaryKeyConstraintName: "projects_pkey" },
    tenant_id: { type: "text" },
    ...metadataColumns,
    spec: { type: "json" },
  },
  uniques: [
    { name: "projects_tenant_id_id_key", columns: ["tenant_id", "id"] },
    { name: "projects_tenant_id_name_key", columns: ["tenant_id", "name"] },
  ],
  checks: [{ name: "projects_name_check", expression: NAME_CHECK }],
  foreignKeys: [
    {
      name: "projects_tenant_id_fkey",
      target: TenantEntity,
      columnNames: ["tenant_id"],
      referencedColumnNames: ["id"],
      onDelete: "CASCADE",
    },
  ],
});
