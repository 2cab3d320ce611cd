import { EntitySchema } from "typeorm";
import type { ClusterId } from "../../../sdk/contract/index.ts";
import type { ClusterState, SealedClusterSpec } from "../../../service/domain/clusters/cluster.ts";
import { type MetadataRow, metadataColumns, NAME_CHECK, timestamp } from "./columns.ts";

export interface ClusterRow extends MetadataRow {
  id: ClusterId;
  spec: SealedClusterSpec;
  reachable: boolean | null;
  state: ClusterState;
  keeper: string | null;
  kept_until: Date | null;
}

export const ClusterEntity = new EntitySchema<ClusterRow>({
  name: "clusters",
  columns: {
    id: { type: "text", primary: true, primaryKeyConstraintName: "clusters_pkey" },
    ...metadataColumns,
    spec: { type: "json" },
    reachable: { type: "boolean", nullable: true },
    state: { type: "json" },
    keeper: { type: "text", nullable: true },
    kept_until: { ...timestamp, nullable: true },
  },
  uniques: [{ name: "clusters_name_key", columns: ["name"] }],
  checks: [{ name: "clusters_name_check", expression: `${NAME_CHECK} and name <> 'local'` }],
});
