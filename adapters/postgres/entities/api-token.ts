import { EntitySchema } from "typeorm";
import type { TenantId } from "../../../sdk/contract/index.ts";
import { timestamp } from "./columns.ts";
import { TenantEntity } from "./tenant.ts";

export interface ApiTokenRow {
  /** SHA-256 of the token, hex: the token itself is nowhere. */
  digest: string;
  subject: string;
  tenant_id: TenantId | null;
  platform: boolean;
  created_at: Date;
}

export const ApiTokenEntity = new EntitySchema<ApiTokenRow>({
  name: "api_tokens",
  columns: {
    digest: { type: "text", primary: true, primaryKeyConstraintName: "api_tokens_pkey" },
    subject: { type: "text" },
    tenant_id: { type: "text", nullable: true },
    platform: { type: "boolean" },
    created_at: { ...timestamp, default: () => "now()" },
  },
  indices: [{ name: "api_tokens_tenant_id_idx", columns: ["tenant_id"] }],
  checks: [
    { name: "api_tokens_digest_check", expression: "digest ~ '^[0-9a-f]{64}$'" },
    { name: "api_tokens_platform_check", expression: "platform = (tenant_id is null)" },
  ],
  foreignKeys: [
    {
      name: "api_tokens_tenant_id_fkey",
      target: TenantEntity,
      columnNames: ["tenant_id"],
      referencedColumnNames: ["id"],
      onDelete: "CASCADE",
    },
  ],
});
