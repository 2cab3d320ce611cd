import { EntitySchema } from "typeorm";
import type { TenantId } from "../../../sdk/contract/index.ts";
import { timestamp } from "./columns.ts";

export interface IdempotencyKeyRow {
  /** `platform` for requests that are of no tenant. */
  tenant_id: TenantId | "platform";
  key: string;
  request_digest: string;
  /** The answer; null until the request has one. */
  status: number | null;
  body: unknown;
  /** What it warned of; null where there was nothing. */
  warnings: string[] | null;
  created_at: Date;
}

export const IdempotencyKeyEntity = new EntitySchema<IdempotencyKeyRow>({
  name: "idempotency_keys",
  columns: {
    tenant_id: { type: "text", primary: true, primaryKeyConstraintName: "idempotency_keys_pkey" },
    key: { type: "text", primary: true, primaryKeyConstraintName: "idempotency_keys_pkey" },
    request_digest: { type: "text" },
    status: { type: "integer", nullable: true },
    body: { type: "json", nullable: true },
    warnings: { type: "json", nullable: true },
    created_at: { ...timestamp, default: () => "now()" },
  },
  indices: [{ name: "idempotency_keys_tenant_id_created_at_idx", columns: ["tenant_id", "created_at"] }],
});
