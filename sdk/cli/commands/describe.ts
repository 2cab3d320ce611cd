import type { Condition, Resource } from "../../contract/index.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { usageError } from "../failure.ts";
import { instanceKind } from "../kinds/instance.ts";
import type { Fact, ResourceKind } from "../kinds/kind.ts";
import { formatAge } from "../output/age.ts";
import { toYaml } from "../output/printer.ts";
import { parseReferences } from "../resources.ts";

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
      await describe(context, kind, await kind.get(context.claw, name, context.signal));
    }
  },
});

async function describe(context: Context, kind: ResourceKind, resource: Resource): Promise<void> {
  const { out } = context;
  const { metadata } = resource;
  const facts: Fact[] = [
    ["Name", metadata.name],
    ["Kind", resource.kind],
    ["Tenant", metadata.namespace],
    ["Project", metadata.project],
    ["UID", metadata.uid],
    ["Created", `${metadata.createdAt} (${formatAge(metadata.createdAt)} ago)`],
    ["Generation", String(metadata.generation)],
    ["Labels", pairs(metadata.labels)],
    ["Annotations", pairs(metadata.annotations)],
    ...(kind.facts?.(resource) ?? []),
  ];
  const shown = facts.filter((fact): fact is readonly [string, string] => fact[1] !== undefined);
  for (const [label, value] of shown) {
    await out.line(`${out.paint("bold", `${label}:`)}${" ".repeat(Math.max(1, 14 - label.length))}${value}`);
  }
  if (resource.status.conditions.length > 0) {
    await out.line(`\n${out.paint("bold", "Conditions")}`);
    await out.table<Condition>(resource.status.conditions, { columns: conditionColumns });
  }
  await kind.sections?.before?.(context, resource);
  await out.line(`\n${out.paint("bold", "Specification")}`);
  await out.write(indent(await toYaml([resource.spec])));
  await kind.sections?.after?.(context, resource);
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
