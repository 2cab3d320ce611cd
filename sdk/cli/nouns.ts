import type { Resource } from "../contract/index.ts";
import { type CommandDefinition, defineCommand } from "./command.ts";
import type { ResourceKind } from "./kinds/kind.ts";
import { outputOption, selectorOption } from "./options.ts";

/** `claw <noun> list`. */
export function defineList<T extends Resource>(noun: string, kind: ResourceKind<T>): CommandDefinition {
  return defineCommand({
    path: `${noun} list`,
    group: "Resources",
    summary: `List ${noun}`,
    examples: [`claw ${noun} list`, `claw ${noun} list -o json`],
    syntax: (command) => command.addOption(outputOption).addOption(selectorOption),
    async run({ claw, out, signal }, { output, selector }) {
      const items: T[] = [];
      for await (const item of kind.list(claw, { limit: 200, ...(selector === undefined ? {} : { labelSelector: selector }) }, signal)) {
        items.push(item);
      }
      await out.items(items, kind, output);
    },
  });
}

/** `claw <noun> get <name>`. */
export function defineGet<T extends Resource>(noun: string, kind: ResourceKind<T>): CommandDefinition {
  return defineCommand({
    path: `${noun} get`,
    group: "Resources",
    summary: `Show a ${kind.word}`,
    examples: [`claw ${noun} get ${kind.word}-1 -o yaml`],
    syntax: (command) => command.argument(`<${kind.word}>` as "<name>", "its name").addOption(outputOption),
    run: async ({ claw, out, signal }, { output }, name) => out.item(await kind.get(claw, name, signal), kind, output),
  });
}
