import { EntitySchema } from "typeorm";
import type { SecretId, SecretSpec, TenantId } from "../../../sdk/contract/index.ts";
import type { SecretState } from "../../../service/domain/secrets/secret.ts";
import { type MetadataRow, metadataColumns, NAME_CHECK } from "./columns.ts";
import { TenantEntity } from "./tenant.ts";

export interface SecretRow extends MetadataRow {
  id: SecretId;
  tenant_id: TenantId;
  spec: SecretSpec;
  /** Whether it is the platform's: those of the shared tenant. */
  shared: boolean;
  state: SecretState;
  /** When its source is read next; null where there is none. */
  due_at: Date | null;
}

export const SecretEntity = new EntitySchema<SecretRow>({
  name: "secrets",
  columns: {
    id: { type: "text", primary: true, primaryKeyConstraintName: "secrets_pkey" },
    tenant_id: { type: "text" },
    ...metadataColumns,
    spec: { type: "json" },
    shared: { type: "boolean" },
    state: { type: "json" },
    due_at: { type: "timestamptz", precision: 3, nullable: true },
  },
  uniques: [{ name: "secrets_tenant_id_name_key", columns: ["tenant_id", "name"] }],
  checks: [{ name: "secrets_name_check", expression: NAME_CHECK }],
  indices: [{ name: "secrets_due_at_idx", columns: ["due_at"], where: "due_at is not null" }],
  foreignKeys: [
    {
      name: "secrets_tenant_id_fkey",
      target: TenantEntity,
      columnNames: ["tenant_id"],
      referencedColumnNames: ["id"],
      onDelete: "CASCADE",
    },
  ],
});
