import { EntitySchema } from "typeorm";
import type { PlanId, TenantId } from "../../../sdk/contract/index.ts";
import type { PreviewPage } from "../../../service/domain/preview-pages.ts";
import { PlanEntity } from "./plan.ts";
import { TenantEntity } from "./tenant.ts";

interface PlanPageRow {
  plan_id: PlanId;
  cursor: string;
  tenant_id: TenantId;
  page: PreviewPage;
}

export const PlanPageEntity = new EntitySchema<PlanPageRow>({
  name: "plan_pages",
  columns: {
    plan_id: { type: "text", primary: true, primaryKeyConstraintName: "plan_pages_pkey" },
    cursor: { type: "text", primary: true, primaryKeyConstraintName: "plan_pages_pkey" },
    tenant_id: { type: "text" },
    page: { type: "json" },
  },
  indices: [{ name: "plan_pages_tenant_id_idx", columns: ["tenant_id"] }],
  foreignKeys: [
    {
      name: "plan_pages_plan_id_fkey",
      target: PlanEntity,
      columnNames: ["plan_id"],
      referencedColumnNames: ["id"],
      onDelete: "CASCADE",
    },
    {
      name: "plan_pages_tenant_id_fkey",
      target: TenantEntity,
      columnNames: ["tenant_id"],
      referencedColumnNames: ["id"],
      onDelete: "CASCADE",
    },
  ],
});
