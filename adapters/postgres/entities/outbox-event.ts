import { EntitySchema } from "typeorm";
import type { TenantId } from "../../../sdk/contract/index.ts";
import { timestamp } from "./columns.ts";

/** An event that is not published yet: the row goes when it is. */
export interface OutboxEventRow {
  sequence: string;
  tenant_id: TenantId;
  id: string;
  aggregate: string;
  event: string;
  time: Date;
  data: object;
}

export const OutboxEventEntity = new EntitySchema<OutboxEventRow>({
  name: "outbox",
  columns: {
    sequence: {
      type: "bigint",
      primary: true,
      primaryKeyConstraintName: "outbox_pkey",
      generated: "increment",
    },
    tenant_id: { type: "text" },
    id: { type: "text" },
    aggregate: { type: "text" },
    event: { type: "text" },
    time: timestamp,
    data: { type: "json" },
  },
  uniques: [{ name: "outbox_id_key", columns: ["id"] }],
});
