import { Option } from "@commander-js/extra-typings";
import type { Resource } from "../../contract/index.ts";
import { SECRET_MASK } from "../../contract/redact.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { usageError } from "../failure.ts";
import type { ResourceKind } from "../kinds/kind.ts";
import { outputOption, parseCount, selectorOption } from "../options.ts";
import type { OutputFormat } from "../output/printer.ts";
import { parseReferences, type Reference, resourceKinds } from "../resources.ts";
import { watchList } from "../watch.ts";

export const getCommand = defineCommand({
  path: "get",
  group: "Resources",
  summary: "Show instances, configs, projects or tenants",
  details: `Kinds: ${resourceKinds.map((kind) => [kind.word, ...kind.aliases].join(" | ")).join("; ")}.`,
  examples: [
    "claw get instances",
    "claw get instances -l team=red --sort -metadata.createdAt -o wide",
    "claw get instance web -o yaml | claw apply -f -",
    "claw get instance/web config/base",
    "claw get instances --watch -o json",
  ],
  syntax: (command) =>
    command
      .argument("<kind>", "a kind, or <kind>/<name>")
      .argument("[name...]", "names, when the kind was given alone")
      .addOption(outputOption)
      .addOption(selectorOption)
      .addOption(new Option("--field-selector <fields>", "only those with these fields: 'status.phase=Running,spec.type=OpenClaw'"))
      .addOption(new Option("--sort <field>", "order by a field; '-' before it for descending"))
      .addOption(new Option("--limit <count>", "at most so many").argParser(parseCount(1, 100_000)))
      .addOption(new Option("-w, --watch", "then show each change until interrupted; with -o json a line of JSON each")),
  async run(context, { output, selector, fieldSelector, sort, limit, watch }, kind, names) {
    const references = parseReferences([kind, ...names]);
    const query = {
      ...(selector === undefined ? {} : { labelSelector: selector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
      ...(sort === undefined ? {} : { sort }),
    };
    const filtered = Object.keys(query).length > 0 || limit !== undefined;
    if (filtered && references.some((reference) => reference.name !== undefined)) {
      throw usageError("--selector, --field-selector, --sort and --limit are for lists, not for named resources", "leave one out");
    }
    const [first] = references;
    const oneKind = first && references.every((reference) => reference.kind === first.kind);
    const read = () => readAll(context, references, query, limit);
    if (watch) {
      if (!oneKind) {
        throw usageError("--watch shows one kind at a time", `claw get ${first?.kind.word ?? "instances"} --watch`);
      }
      return watchList(context, first.kind, output, async () => (await read()).flatMap(([, items]) => items));
    }
    await print(context, await read(), output, references.length === 1 && first?.name !== undefined);
  },
});

async function readAll(
  { claw, signal }: Context,
  references: readonly Reference[],
  query: Record<string, string>,
  limit = Number.POSITIVE_INFINITY,
): Promise<[ResourceKind, Resource[]][]> {
  const groups = new Map<ResourceKind, Resource[]>();
  for (const { kind, name } of references) {
    const items = groups.get(kind) ?? [];
    groups.set(kind, items);
    if (name !== undefined) {
      items.push(await kind.get(claw, name, signal));
      continue;
    }
    for await (const item of kind.list(claw, { ...query, limit: Math.min(limit, 200) }, signal)) {
      if (items.push(item) >= limit) {
        break;
      }
    }
  }
  return [...groups];
}

/** Tables are per kind; documents are all in one. */
async function print(
  context: Context,
  groups: readonly [ResourceKind, Resource[]][],
  output: OutputFormat,
  single: boolean,
): Promise<void> {
  const [first] = groups;
  if (output === "json" || output === "yaml") {
    const all = groups.flatMap(([, items]) => items);
    const [item] = all;
    if (JSON.stringify(all).includes(JSON.stringify(SECRET_MASK))) {
      context.out.note(
        `secrets are left out: ${SECRET_MASK} means "as it is" when it is applied to the same resource, and is refused elsewhere`,
      );
    }
    if (first && single && item) {
      return context.out.item(item, first[0], output);
    }
    if (first) {
      return context.out.items(all, first[0], output);
    }
  }
  for (const [index, [kind, items]] of groups.entries()) {
    if (index > 0 && output !== "name") {
      await context.out.line("");
    }
    await context.out.items(items, kind, output);
  }
}
