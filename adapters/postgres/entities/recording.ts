import { EntitySchema } from "typeorm";
import type { TenantId } from "../../../sdk/contract/index.ts";
import { timestamp } from "./columns.ts";
import { TenantEntity } from "./tenant.ts";

export interface RecordingRow {
  tenant_id: TenantId;
  id: string;
  instance_id: string;
  instance_name: string;
  actor: string;
  started_at: Date;
  ended_at: Date | null;
  bytes: number;
}

export const RecordingEntity = new EntitySchema<RecordingRow>({
  name: "recordings",
  columns: {
    tenant_id: { type: "text", primary: true, primaryKeyConstraintName: "recordings_pkey" },
    id: { type: "text", collation: "C", primary: true, primaryKeyConstraintName: "recordings_pkey" },
    instance_id: { type: "text" },
    instance_name: { type: "text" },
    actor: { type: "text" },
    started_at: timestamp,
    ended_at: { ...timestamp, nullable: true },
    bytes: { type: "integer", default: 0 },
  },
  indices: [{ name: "recordings_started_at_idx", columns: ["started_at"] }],
  foreignKeys: [
    {
      name: "recordings_tenant_id_fkey",
      target: TenantEntity,
      columnNames: ["tenant_id"],
      referencedColumnNames: ["id"],
      onDelete: "CASCADE",
    },
  ],
});

export interface RecordingPartRow {
  tenant_id: TenantId;
  recording_id: string;
  sequence: number;
  sealed: string;
}

export const RecordingPartEntity = new EntitySchema<RecordingPartRow>({
  name: "recording_parts",
  columns: {
    tenant_id: { type: "text", primary: true, primaryKeyConstraintName: "recording_parts_pkey" },
    recording_id: { type: "text", collation: "C", primary: true, primaryKeyConstraintName: "recording_parts_pkey" },
    sequence: { type: "integer", primary: true, primaryKeyConstraintName: "recording_parts_pkey" },
    sealed: { type: "text" },
  },
  foreignKeys: [
    {
      name: "recording_parts_recording_fkey",
      target: RecordingEntity,
      columnNames: ["tenant_id", "recording_id"],
      referencedColumnNames: ["tenant_id", "id"],
      onDelete: "CASCADE",
    },
  ],
});
