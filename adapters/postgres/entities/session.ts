import { EntitySchema } from "typeorm";
import type { SessionForm, SessionId } from "../../../sdk/contract/index.ts";
import type { SessionHolder } from "../../../service/domain/access/session.ts";
import { timestamp } from "./columns.ts";

export interface SessionEntityRow {
  id: SessionId;
  subject: string;
  holder: SessionHolder;
  form: SessionForm;
  /** SHA-256, hex: what goes with requests is nowhere. */
  key_digest: string;
  rotation: number;
  rotated_at: Date;
  created_at: Date;
  expires_at: Date;
  last_used_at: Date;
  address: string | null;
  agent: string | null;
}

export const SessionEntity = new EntitySchema<SessionEntityRow>({
  name: "sessions",
  columns: {
    id: { type: "text", primary: true, primaryKeyConstraintName: "sessions_pkey" },
    subject: { type: "text" },
    holder: { type: "json" },
    form: { type: "text" },
    key_digest: { type: "text" },
    rotation: { type: "integer" },
    rotated_at: timestamp,
    created_at: timestamp,
    expires_at: timestamp,
    last_used_at: timestamp,
    address: { type: "text", nullable: true },
    agent: { type: "text", nullable: true },
  },
  uniques: [{ name: "sessions_key_digest_key", columns: ["key_digest"] }],
  indices: [
    { name: "sessions_subject_last_used_at_idx", columns: ["subject", "last_used_at"] },
    { name: "sessions_expires_at_idx", columns: ["expires_at"] },
  ],
  checks: [{ name: "sessions_key_digest_check", expression: "key_digest ~ '^[0-9a-f]{64}$'" }],
});
