import { EntitySchema } from "typeorm";
import type { ConfigTemplateId, TenantId } from "../../../sdk/contract/index.ts";
import { timestamp } from "./columns.ts";
import { ConfigTemplateEntity } from "./config-template.ts";
import { ConfigVersionEntity } from "./config-version.ts";

export interface ConfigRolloutRow {
  id: string;
  tenant_id: TenantId;
  template_id: ConfigTemplateId;
  version: number;
  strategy: unknown;
  state: unknown;
  phase: string;
  created_at: Date;
  updated_at: Date;
}

export const ConfigRolloutEntity = new EntitySchema<ConfigRolloutRow>({
  name: "config_rollouts",
  columns: {
    id: { type: "text", primary: true, primaryKeyConstraintName: "config_rollouts_pkey" },
    tenant_id: { type: "text" },
    template_id: { type: "text" },
    version: { type: "integer" },
    strategy: { type: "json" },
    state: { type: "json" },
    phase: { type: "text" },
    created_at: timestamp,
    updated_at: timestamp,
  },
  indices: [
    { name: "config_rollouts_template_id_version_idx", columns: ["template_id", "version"] },
    { name: "config_rollouts_tenant_id_template_id_idx", columns: ["tenant_id", "template_id"] },
  ],
  checks: [
    {
      name: "config_rollouts_phase_check",
      expression: "phase in ('Pending', 'Progressing', 'Paused', 'Completed', 'Aborted', 'Failed')",
    },
  ],
  foreignKeys: [
    {
      name: "config_rollouts_template_id_version_fkey",
      target: ConfigVersionEntity,
      columnNames: ["template_id", "version"],
      referencedColumnNames: ["template_id", "version"],
      onDelete: "CASCADE",
    },
    {
      name: "config_rollouts_tenant_id_template_id_fkey",
      target: ConfigTemplateEntity,
      columnNames: ["tenant_id", "template_id"],
      referencedColumnNames: ["tenant_id", "id"],
      onDelete: "CASCADE",
    },
  ],
});
