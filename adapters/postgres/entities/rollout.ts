import { EntitySchema } from "typeorm";
import type { InstanceId, RolloutId, RolloutSpec, TenantId } from "../../../sdk/contract/index.ts";
import type { Member, RolloutState } from "../../../service/domain/rollouts/rollout.ts";
import { type MetadataRow, metadataColumns, NAME_CHECK, timestamp } from "./columns.ts";
import { TenantEntity } from "./tenant.ts";

export interface RolloutRow extends MetadataRow {
  id: RolloutId;
  tenant_id: TenantId;
  spec: RolloutSpec;
  state: RolloutState;
  /** Of `state`, for what is counted and filtered by it. */
  phase: string;
  due_at: Date | null;
  /** Counts its claims: who claimed it before writes nothing any more. */
  fence: number;
}

export const RolloutEntity = new EntitySchema<RolloutRow>({
  name: "rollouts",
  columns: {
    id: { type: "text", primary: true, primaryKeyConstraintName: "rollouts_pkey" },
    tenant_id: { type: "text" },
    ...metadataColumns,
    spec: { type: "json" },
    state: { type: "json" },
    phase: { type: "text" },
    due_at: { ...timestamp, nullable: true },
    fence: { type: "integer", default: 0 },
  },
  uniques: [
    { name: "rollouts_tenant_id_id_key", columns: ["tenant_id", "id"] },
    { name: "rollouts_tenant_id_name_key", columns: ["tenant_id", "name"] },
  ],
  checks: [{ name: "rollouts_name_check", expression: NAME_CHECK }],
  indices: [{ name: "rollouts_due_at_idx", columns: ["due_at"], where: "(due_at IS NOT NULL)" }],
  foreignKeys: [
    {
      name: "rollouts_tenant_id_fkey",
      target: TenantEntity,
      columnNames: ["tenant_id"],
      referencedColumnNames: ["id"],
      onDelete: "CASCADE",
    },
  ],
});

export interface RolloutMemberRow {
  rollout_id: RolloutId;
  instance_id: InstanceId;
  tenant_id: TenantId;
  /** In the order of its waves. */
  place: number;
  name: string;
  state: Member["state"];
  /** Until its rollout has ended no other may have the instance. */
  active: boolean;
  data: Omit<Member, "instance" | "name" | "state">;
}

export const RolloutMemberEntity = new EntitySchema<RolloutMemberRow>({
  name: "rollout_members",
  columns: {
    rollout_id: { type: "text", primary: true, primaryKeyConstraintName: "rollout_members_pkey" },
    instance_id: { type: "text", primary: true, primaryKeyConstraintName: "rollout_members_pkey" },
    tenant_id: { type: "text" },
    place: { type: "integer" },
    name: { type: "text" },
    state: { type: "text" },
    active: { type: "boolean" },
    data: { type: "json" },
  },
  indices: [
    { name: "rollout_members_active_key", columns: ["instance_id"], unique: true, where: "active" },
    { name: "rollout_members_rollout_id_place_idx", columns: ["rollout_id", "place"] },
    { name: "rollout_members_tenant_id_instance_id_idx", columns: ["tenant_id", "instance_id"] },
    { name: "rollout_members_tenant_id_rollout_id_idx", columns: ["tenant_id", "rollout_id"] },
  ],
  foreignKeys: [
    {
      name: "rollout_members_tenant_id_rollout_id_fkey",
      target: RolloutEntity,
      columnNames: ["tenant_id", "rollout_id"],
      referencedColumnNames: ["tenant_id", "id"],
      onDelete: "CASCADE",
    },
  ],
});
