import type { ClawInstance, Cluster, Condition } from "../../contract/index.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { usageError } from "../failure.ts";
import { formatAge } from "../output/age.ts";
import { writeDrift } from "../output/drift.ts";
import { toYaml } from "../output/printer.ts";
import { instanceKind, parseReferences, type Resource } from "../resources.ts";
import { eventView } from "./events.ts";

export const describeCommand = defineCommand({
  path: "describe",
  group: "Resources",
  summary: "Show one resource in full: state, conditions, specification, events",
  examples: ["claw describe web", "claw describe config base", "claw describe tenant/acme", "claw describe cluster/eu-1"],
  syntax: (command) => command.argument("<resource...>", "an instance's name, <kind> <name> or <kind>/<name>"),
  async run(context, _options, words) {
    for (const { kind, name } of parseReferences(words, instanceKind)) {
      if (name === undefined) {
        throw usageError(`'${kind.word}' alone names no resource`, `claw describe ${kind.word} <name>`);
      }
      await describe(context, await kind.get(context.claw, name, context.signal));
    }
  },
});

async function describe(context: Context, resource: Resource): Promise<void> {
  const { out } = context;
  const { metadata } = resource;
  const facts: [string, string | undefined][] = [
    ["Name", metadata.name],
    ["Kind", resource.kind],
    ["Tenant", metadata.namespace],
    ["Project", metadata.project],
    ["UID", metadata.uid],
    ["Created", `${metadata.createdAt} (${formatAge(metadata.createdAt)} ago)`],
    ["Generation", String(metadata.generation)],
    ["Labels", pairs(metadata.labels)],
    ["Annotations", pairs(metadata.annotations)],
    ...(resource.kind === "ClawInstance" ? instanceFacts(resource) : []),
    ...(resource.kind === "Cluster" ? clusterFacts(resource) : []),
  ];
  const shown = facts.filter((fact): fact is [string, string] => fact[1] !== undefined);
  for (const [label, value] of shown) {
    await out.line(`${out.paint("bold", `${label}:`)}${" ".repeat(Math.max(1, 14 - label.length))}${value}`);
  }
  if (resource.status.conditions.length > 0) {
    await out.line(`\n${out.paint("bold", "Conditions")}`);
    await out.table<Condition>(resource.status.conditions, { columns: conditionColumns });
  }
  if (resource.kind === "ClawInstance" && resource.status.drift) {
    await out.line(`\n${out.paint("bold", "Drift")} (declared → actual)`);
    for (const drift of resource.status.drift) {
      await writeDrift(out, drift);
    }
  }
  await out.line(`\n${out.paint("bold", "Specification")}`);
  await out.write(indent(await toYaml([resource.spec])));
  if (resource.kind === "ClawInstance") {
    const { items } = await context.claw.instances.events(metadata.name, { limit: 10 }, { signal: context.signal });
    if (items.length > 0) {
      await out.line(`\n${out.paint("bold", "Events")} (newest first)`);
      await out.table(items, eventView);
    }
  }
}

function instanceFacts({ spec, status, metadata }: ClawInstance): [string, string | undefined][] {
  const behind =
    status.observedGeneration < metadata.generation
      ? ` (a change is under way: ${status.observedGeneration} of ${metadata.generation})`
      : "";
  return [
    ["Phase", `${status.phase} for ${formatAge(status.lastTransitionTime)}${behind}`],
    ["Cluster", status.cluster],
    ["Ready", `${status.readyReplicas} replicas`],
    ["Resources", `${spec.resources.cpu} cpu, ${spec.resources.memory} memory${status.cluster === LOCAL ? `; ${NOT_ENFORCED}` : ""}`],
    ["Usage", status.usage && `${status.usage.cpu} cpu, ${status.usage.memory} memory (${formatAge(status.usage.time)} ago)`],
    ["Confined", status.confinement && CONFINEMENTS[status.confinement]],
    ["Version", status.version],
    ["Config", status.configVersion === undefined ? undefined : `version ${status.configVersion}`],
    ["Restarts", String(status.restarts)],
  ];
}

/** Where processes run. */
const LOCAL = "local";
const CONFINEMENTS = {
  user: "by a Unix user of its tenant's own",
  sandbox: "by a sandbox (bubblewrap)",
  none: "by nothing: it can do on this host what the control plane can",
};
const NOT_ENFORCED = "counted against the quota, but a process on this host is not held to them";

function clusterFacts({ status }: Cluster): [string, string | undefined][] {
  const { allocated, capacity } = status;
  const used = (["instances", "cpu", "memory"] as const).map((what) => `${allocated[what]} of ${capacity[what] ?? "∞"} ${what}`);
  return [
    ["Phase", status.phase],
    ["Version", status.version],
    ["Nodes", status.nodes === undefined ? undefined : String(status.nodes)],
    ["Used", used.join(", ")],
  ];
}

const conditionColumns = [
  { header: "TYPE", value: (c: Condition) => c.type },
  { header: "STATUS", value: (c: Condition) => c.status },
  { header: "REASON", value: (c: Condition) => c.reason || "-" },
  { header: "AGE", value: (c: Condition) => formatAge(c.lastTransitionTime) },
  { header: "MESSAGE", value: (c: Condition) => c.message || "-" },
];

function pairs(values: Readonly<Record<string, string>>): string | undefined {
  const all = Object.entries(values).map(([key, value]) => `${key}=${value}`);
  return all.length > 0 ? all.join(", ") : undefined;
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, "  ");
}
