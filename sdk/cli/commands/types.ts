import type { Claw } from "../../client/index.ts";
import { defineCommand } from "../command.ts";
import { outputOption } from "../options.ts";
import type { View } from "../output/printer.ts";

type ClawType = Awaited<ReturnType<Claw["types"]["list"]>>["items"][number];

const typeView: View<ClawType> = {
  name: (t) => t.type,
  columns: [
    { header: "TYPE", value: (t) => t.type },
    { header: "VERSION", value: (t) => t.version },
    { header: "ADAPTER", value: (t) => t.adapter },
    { header: "DESCRIPTION", value: (t) => t.description },
  ],
};

export const typesCommand = defineCommand({
  path: "types",
  group: "Resources",
  summary: "List the claw types that instances can have, and their pinned versions",
  examples: ["claw types"],
  syntax: (command) => command.addOption(outputOption),
  run: async ({ claw, out, signal }, { output }) => out.items((await claw.types.list({ signal })).items, typeView, output),
});
