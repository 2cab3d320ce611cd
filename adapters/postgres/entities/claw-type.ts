import { EntitySchema } from "typeorm";
import type { ClawTypeId, ClawTypeSpec, TenantId } from "../../../sdk/contract/index.ts";
import { type MetadataRow, metadataColumns, NAME_CHECK } from "./columns.ts";
import { TenantEntity } from "./tenant.ts";

export interface ClawTypeRow extends MetadataRow {
  id: ClawTypeId;
  tenant_id: TenantId;
  spec: ClawTypeSpec;
  /** Whether it is the platform's, which every tenant may read: those of the shared tenant. */
  shared: boolean;
}

export const ClawTypeEntity = new EntitySchema<ClawTypeRow>({
  name: "claw_types",
  columns: {
    id: { type: "text", primary: true, primaryKeyConstraintName: "claw_types_pkey" },
    tenant_id: { type: "text" },
    ...metadataColumns,
    spec: { type: "json" },
    shared: { type: "boolean" },
  },
  uniques: [{ name: "claw_types_tenant_id_name_key", columns: ["tenant_id", "name"] }],
  checks: [{ name: "claw_types_name_check", expression: NAME_CHECK }],
  indices: [{ name: "claw_types_shared_idx", columns: ["shared"], where: "shared" }],
  foreignKeys: [
    {
      name: "claw_types_tenant_id_fkey",
      target: TenantEntity,
      columnNames: ["tenant_id"],
      referencedColumnNames: ["id"],
      onDelete: "CASCADE",
    },
  ],
});
