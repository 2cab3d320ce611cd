import { EntitySchema } from "typeorm";
import type { PlanId, TenantId } from "../../../sdk/contract/index.ts";
import type { Plan } from "../../../service/application/ports/resources/plan-repository.ts";
import { timestamp } from "./columns.ts";
import { TenantEntity } from "./tenant.ts";

export interface PlanRow {
  id: PlanId;
  tenant_id: TenantId;
  created_at: Date;
  expires_at: Date;
  author: string;
  changes: Plan["changes"];
  ids: Plan["ids"];
  base: Plan["base"];
  digest: string;
  preview: Plan["preview"];
  applied_at: Date | null;
  /** With its pages. */
  bytes: number;
}

export const PlanEntity = new EntitySchema<PlanRow>({
  name: "plans",
  columns: {
    id: { type: "text", primary: true, primaryKeyConstraintName: "plans_pkey" },
    tenant_id: { type: "text" },
    created_at: timestamp,
    expires_at: timestamp,
    author: { type: "text" },
    changes: { type: "json" },
    ids: { type: "json" },
    base: { type: "json" },
    digest: { type: "text" },
    preview: { type: "json" },
    applied_at: { ...timestamp, nullable: true },
    bytes: { type: "integer", default: 0 },
  },
  indices: [{ name: "plans_tenant_id_expires_at_idx", columns: ["tenant_id", "expires_at"] }],
  foreignKeys: [
    {
      name: "plans_tenant_id_fkey",
      target: TenantEntity,
      columnNames: ["tenant_id"],
      referencedColumnNames: ["id"],
      onDelete: "CASCADE",
    },
  ],
});
