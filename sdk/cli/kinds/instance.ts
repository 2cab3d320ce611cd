import { ConditionType } from "../../contract/conditions.ts";
import type { ClawInstance } from "../../contract/index.ts";
import { eventView } from "../commands/events.ts";
import type { Context } from "../context.ts";
import { formatAge } from "../output/age.ts";
import { writeDrift } from "../output/drift.ts";
import { ageColumn, condition, type Fact, nameColumn, type ResourceKind, wideColumns } from "./kind.ts";

/** Instances. */
export const instanceKind: ResourceKind<ClawInstance> = {
  kind: "ClawInstance",
  scope: "tenant",
  permissions: "instances",
  word: "instance",
  aliases: ["instances", "ins", "clawinstance", "clawinstances"],
  name: (i) => `instance/${i.metadata.name}`,
  columns: [
    nameColumn,
    { header: "TYPE", value: (i) => i.spec.type },
    { header: "VERSION", value: (i) => i.status.version ?? i.spec.version ?? "-" },
    { header: "PHASE", value: (i) => i.status.phase },
    { header: "READY", value: (i) => `${i.status.readyReplicas}/${i.spec.running ? i.spec.replicas : 0}` },
    { header: "RESTARTS", value: (i) => String(i.status.restarts) },
    ageColumn,
    { header: "CPU", wide: true, value: (i) => i.status.usage?.cpu ?? "-" },
    { header: "MEMORY", wide: true, value: (i) => i.status.usage?.memory ?? "-" },
    { header: "CLUSTER", wide: true, value: (i) => i.status.cluster },
    { header: "PROJECT", wide: true, value: (i) => i.metadata.project ?? "-" },
    {
      header: "CONFIG",
      wide: true,
      value: (i) => {
        const { template } = i.spec.config;
        return template === undefined ? "-" : `${template}${i.status.configVersion === undefined ? "" : `@${i.status.configVersion}`}`;
      },
    },
    { header: "REASON", wide: true, value: (i) => condition(i, ConditionType.Ready)?.reason ?? "-" },
    { header: "CHANNELS", wide: true, value: (i) => condition(i, ConditionType.ChannelsReady)?.reason ?? "-" },
    ...wideColumns,
  ],
  list: (claw, query, signal) => claw.instances.list(query, { signal }),
  get: (claw, name, signal) => claw.instances.get(name, { signal }),
  facts,
  sections: { before: writeDrifts, after: writeEvents },
  runs: true,
};

function facts({ spec, status, metadata }: ClawInstance): Fact[] {
  const behind =
    status.observedGeneration < metadata.generation
      ? ` (a change is under way: ${status.observedGeneration} of ${metadata.generation})`
      : "";
  return [
    ["Phase", `${status.phase} for ${formatAge(status.lastTransitionTime)}${behind}`],
    ["Cluster", status.cluster],
    ["Ready", `${status.readyReplicas} replicas`],
    ["Resources", `${spec.resources.cpu} cpu, ${spec.resources.memory} memory${status.resourcesEnforced ? "" : `; ${NOT_ENFORCED}`}`],
    ["Usage", status.usage && `${status.usage.cpu} cpu, ${status.usage.memory} memory (${formatAge(status.usage.time)} ago)`],
    ["Confined", status.confinement && CONFINEMENTS[status.confinement]],
    ["Version", status.version],
    ["Config", status.configVersion === undefined ? undefined : `version ${status.configVersion}`],
    ["Restarts", String(status.restarts)],
  ];
}

const CONFINEMENTS = {
  user: "by a Unix user of its tenant's own",
  sandbox: "by a sandbox (bubblewrap)",
  none: "by nothing: it can do on this host what the control plane can",
};
const NOT_ENFORCED = "counted against the quota, but a process on this host is not held to them";

async function writeDrifts({ out }: Context, { status }: ClawInstance): Promise<void> {
  if (status.drift) {
    await out.line(`\n${out.paint("bold", "Drift")} (declared → actual)`);
    for (const drift of status.drift) {
      await writeDrift(out, drift);
    }
  }
}

async function writeEvents({ claw, out, signal }: Context, { metadata }: ClawInstance): Promise<void> {
  const { items } = await claw.instances.events(metadata.name, { limit: 10 }, { signal });
  if (items.length > 0) {
    await out.line(`\n${out.paint("bold", "Events")} (newest first)`);
    await out.table(items, eventView);
  }
}
