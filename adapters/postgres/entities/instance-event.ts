import { EntitySchema } from "typeorm";
import type { InstanceEvent, TenantId } from "../../../sdk/contract/index.ts";
import { timestamp } from "./columns.ts";
import { TenantEntity } from "./tenant.ts";

export interface InstanceEventRow {
  sequence: string;
  id: string;
  tenant_id: TenantId;
  instance_id: string;
  time: Date;
  type: InstanceEvent["type"];
  reason: string;
  message: string;
  actor: string | null;
}

export const InstanceEventEntity = new EntitySchema<InstanceEventRow>({
  name: "instance_events",
  columns: {
    sequence: {
      type: "bigint",
      primary: true,
      primaryKeyConstraintName: "instance_events_pkey",
      generated: "increment",
    },
    id: { type: "text" },
    tenant_id: { type: "text" },
    instance_id: { type: "text" },
    time: timestamp,
    type: { type: "text" },
    reason: { type: "text" },
    message: { type: "text" },
    actor: { type: "text", nullable: true },
  },
  indices: [
    {
      name: "instance_events_tenant_id_instance_id_sequence_idx",
      columns: ["tenant_id", "instance_id", "sequence"],
    },
  ],
  checks: [{ name: "instance_events_type_check", expression: "type in ('Normal', 'Warning')" }],
  foreignKeys: [
    {
      name: "instance_events_tenant_id_fkey",
      target: TenantEntity,
      columnNames: ["tenant_id"],
      referencedColumnNames: ["id"],
      onDelete: "CASCADE",
    },
  ],
});
