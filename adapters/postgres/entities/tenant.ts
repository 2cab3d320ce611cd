import { EntitySchema } from "typeorm";
import type { TenantId, TenantSpec } from "../../../sdk/contract/index.ts";
import { type MetadataRow, metadataColumns, NAME_CHECK } from "./columns.ts";

export interface TenantRow extends MetadataRow {
  id: TenantId;
  spec: TenantSpec;
}

export const TenantEntity = new EntitySchema<TenantRow>({
  name: "tenants",
  columns: {
    id: { type: "text", primary: true, primaryKeyConstraintName: "tenants_pkey" },
    ...metadataColumns,
    spec: { type: "json" },
  },
  uniques: [{ name: "tenants_name_key", columns: ["name"] }],
  checks: [{ name: "tenants_name_check", expression: NAME_CHECK }],
});
