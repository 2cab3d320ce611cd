import { ConditionType } from "../../contract/conditions.ts";
import type { Cluster } from "../../contract/index.ts";
import { ageColumn, condition, type Fact, nameColumn, type ResourceKind, wideColumns } from "./kind.ts";

/** Clusters. */
export const clusterKind: ResourceKind<Cluster> = {
  kind: "Cluster",
  scope: "platform",
  permissions: "clusters",
  word: "cluster",
  aliases: ["clusters", "cls"],
  name: (c) => `cluster/${c.metadata.name}`,
  columns: [
    nameColumn,
    { header: "PHASE", value: (c) => c.status.phase },
    { header: "VERSION", value: (c) => c.status.version ?? "-" },
    { header: "NODES", value: (c) => String(c.status.nodes ?? "-") },
    { header: "INSTANCES", value: (c) => `${c.status.allocated.instances}/${c.status.capacity.instances ?? "∞"}` },
    { header: "CPU", value: (c) => `${c.status.allocated.cpu}/${c.status.capacity.cpu ?? "∞"}` },
    { header: "MEMORY", value: (c) => `${c.status.allocated.memory}/${c.status.capacity.memory ?? "∞"}` },
    ageColumn,
    { header: "REASON", wide: true, value: (c) => condition(c, ConditionType.Reachable)?.reason ?? "-" },
    ...wideColumns,
  ],
  list: (claw, query, signal) => claw.clusters.list(query, { signal }),
  get: (claw, name, signal) => claw.clusters.get(name, { signal }),
  facts,
};

function facts({ status }: Cluster): Fact[] {
  const { allocated, capacity } = status;
  const used = (["instances", "cpu", "memory"] as const).map((what) => `${allocated[what]} of ${capacity[what] ?? "∞"} ${what}`);
  return [
    ["Phase", status.phase],
    ["Version", status.version],
    ["Nodes", status.nodes === undefined ? undefined : String(status.nodes)],
    ["Used", used.join(", ")],
  ];
}
