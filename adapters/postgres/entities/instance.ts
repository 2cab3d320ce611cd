import { EntitySchema } from "typeorm";
import type {
  AgentStatus,
  Condition,
  Drift,
  InstanceId,
  InstancePhase,
  InstanceSpec,
  ProjectId,
  TenantId,
} from "../../../sdk/contract/index.ts";
import type { Settings } from "../../../service/domain/configs/config-values.ts";
import type { Findings } from "../../../service/domain/instances/findings.ts";
import type { Delivery } from "../../../service/domain/instances/instance.ts";
import type { PodReport } from "../../../service/domain/instances/pod.ts";
import { type MetadataRow, metadataColumns, NAME_CHECK, timestamp } from "./columns.ts";
import { ProjectEntity } from "./project.ts";

export interface InstanceRow extends MetadataRow {
  id: InstanceId;
  tenant_id: TenantId;
  project_id: ProjectId;
  spec: InstanceSpec;
  /** Of the overrides. */
  settings: Settings;
  type: string;
  template: string | null;
  replicas: number;
  running: boolean;
  /** Per replica. Numeric, which the driver gives as text. */
  cpu: string;
  memory_bytes: string;
  storage_bytes: string;
  /** The one that the specification names. */
  port: number | null;
  restarted_at: Date | null;
  deleted_at: Date | null;
  purge_data: boolean;
  forget: boolean;
  cluster: string;
  moved_from: string | null;
  phase: InstancePhase;
  observed_generation: number;
  last_transition_time: Date;
  conditions: readonly Condition[];
  agent: AgentStatus | null;
  pod: PodReport | null;
  drift: readonly Drift[];
  delivery: Delivery | null;
  consistency: Findings | null;
  config_version: number | null;
  attempts: number;
  next_attempt_at: Date | null;
  /** Number of the token that its agent is to have, since when, and of the newest that it has come with. */
  agent_token: number;
  agent_token_since: Date;
  agent_token_taken: number;
}

export const InstanceEntity = new EntitySchema<InstanceRow>({
  name: "instances",
  columns: {
    id: { type: "text", primary: true, primaryKeyConstraintName: "instances_pkey" },
    tenant_id: { type: "text" },
    project_id: { type: "text" },
    ...metadataColumns,
    spec: { type: "json" },
    settings: { type: "json", default: {} },
    type: { type: "text" },
    template: { type: "text", nullable: true },
    replicas: { type: "integer" },
    running: { type: "boolean" },
    cpu: { type: "numeric" },
    memory_bytes: { type: "numeric" },
    storage_bytes: { type: "numeric" },
    port: { type: "integer", nullable: true },
    restarted_at: { ...timestamp, nullable: true },
    deleted_at: { ...timestamp, nullable: true },
    purge_data: { type: "boolean" },
    forget: { type: "boolean" },
    cluster: { type: "text", default: "local" },
    moved_from: { type: "text", nullable: true },
    phase: { type: "text" },
    observed_generation: { type: "integer" },
    last_transition_time: timestamp,
    conditions: { type: "json" },
    agent: { type: "json", nullable: true },
    pod: { type: "json", nullable: true },
    drift: { type: "json", default: [] },
    delivery: { type: "json", nullable: true },
    consistency: { type: "json", nullable: true },
    config_version: { type: "integer", nullable: true },
    attempts: { type: "integer" },
    next_attempt_at: { ...timestamp, nullable: true },
    agent_token: { type: "integer", default: 0 },
    agent_token_since: { ...timestamp, default: () => "now()" },
    agent_token_taken: { type: "integer", default: 0 },
  },
  uniques: [{ name: "instances_tenant_id_name_key", columns: ["tenant_id", "name"] }],
  indices: [
    { name: "instances_tenant_id_project_id_idx", columns: ["tenant_id", "project_id"] },
    { name: "instances_type_idx", columns: ["type", "tenant_id"] },
    { name: "instances_tenant_id_template_idx", columns: ["tenant_id", "template"] },
    { name: "instances_tenant_id_created_at_id_idx", columns: ["tenant_id", "created_at", "id"] },
    { name: "instances_tenant_id_phase_id_idx", columns: ["tenant_id", "phase", "id"] },
    { name: "instances_cluster_idx", columns: ["cluster"] },
    { name: "instances_moved_from_idx", columns: ["moved_from"], where: "moved_from is not null" },
    {
      name: "instances_due_idx",
      columns: ["tenant_id", "updated_at"],
      where: "generation > observed_generation",
    },
    { name: "instances_agent_token_since_idx", columns: ["agent_token_since"] },
  ],
  checks: [
    { name: "instances_name_check", expression: NAME_CHECK },
    { name: "instances_replicas_check", expression: "replicas >= 0" },
    {
      name: "instances_phase_check",
      expression: "phase in ('Creating', 'Running', 'Stopped', 'Failed', 'Destroyed')",
    },
  ],
  foreignKeys: [
    {
      name: "instances_tenant_id_project_id_fkey",
      target: ProjectEntity,
      columnNames: ["tenant_id", "project_id"],
      referencedColumnNames: ["tenant_id", "id"],
    },
  ],
});
