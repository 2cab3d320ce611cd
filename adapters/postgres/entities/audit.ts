import { EntitySchema } from "typeorm";
import type { AuditHead, AuditRecord } from "../../../sdk/contract/index.ts";

export interface AuditChainRow {
  /** A tenant's id, or `platform`. */
  tenant_id: string;
  head: AuditHead;
  /** The newest record that retention has removed, as the head has it. */
  start: string;
}

export const AuditChainEntity = new EntitySchema<AuditChainRow>({
  name: "audit_chains",
  columns: {
    tenant_id: { type: "text", primary: true, primaryKeyConstraintName: "audit_chains_pkey" },
    head: { type: "json" },
    start: { type: "bigint" },
  },
});

export interface AuditRecordRow {
  tenant_id: string;
  sequence: string;
  record: AuditRecord;
}

export const AuditRecordEntity = new EntitySchema<AuditRecordRow>({
  name: "audit_records",
  columns: {
    tenant_id: { type: "text", primary: true, primaryKeyConstraintName: "audit_records_pkey" },
    sequence: { type: "bigint", primary: true, primaryKeyConstraintName: "audit_records_pkey" },
    record: { type: "json" },
  },
  indices: ["actor", "resource", "time"].map((name) => ({
    name: `audit_records_${name}_idx`,
    columns: ["tenant_id"],
    synchronize: false as const,
  })),
});
