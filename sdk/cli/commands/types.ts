import type { Claw } from "../../client/index.ts";
import { defineCommand } from "../command.ts";
import { clawTypeKind } from "../kinds/claw-type.ts";
import { defineGet } from "../nouns.ts";
import { outputOption } from "../options.ts";
import type { View } from "../output/printer.ts";

type ClawType = Awaited<ReturnType<Claw["types"]["list"]>>["items"][number];
type Capability = Awaited<ReturnType<Claw["types"]["get"]>>["capabilities"][number];

const typeView: View<ClawType> = {
  name: (t) => t.type,
  columns: [
    { header: "TYPE", value: (t) => t.type },
    { header: "VERSION", value: (t) => t.version },
    { header: "ADAPTER", value: (t) => t.adapter },
    { header: "ORIGIN", value: (t) => t.origin },
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

const capabilityView: View<Capability> = {
  name: (c) => c.name,
  columns: [
    { header: "CAPABILITY", value: (c) => c.name },
    { header: "SUPPORTED", value: (c) => (c.supported ? "yes" : "no") },
    { header: "HOW", value: (c) => c.detail },
  ],
};

export const typesGet = defineGet("types", clawTypeKind);

export const typesDescribe = defineCommand({
  path: "types describe",
  group: "Resources",
  summary: "Say what a claw type is, and what its claws can do and can't",
  examples: ["claw types describe OpenClaw", "claw types describe Echo -o json"],
  syntax: (command) => command.argument("<type>", "its name, or its adapter's").addOption(outputOption),
  async run({ claw, out, signal }, { output }, name) {
    const type = await claw.types.get(name, { signal });
    if (output !== "table" && output !== "wide") {
      await out.item(type, typeView, output);
      return;
    }
    const reloaded = type.capabilities.find((each) => each.name === "hot-reload")?.keys ?? [];
    const facts = [
      ["Type", type.type],
      ["Adapter", type.adapter],
      ["Version", type.version],
      ["Origin", type.origin],
      ["Description", type.description],
      ["Keys", Object.keys(type.defaults).join(", ") || "none"],
      ["Reloaded", reloaded.join(", ") || "none: a change restarts its claws"],
    ] as const;
    for (const [label, value] of facts) {
      await out.line(`${out.paint("bold", `${label}:`)}${" ".repeat(Math.max(1, 14 - label.length))}${value}`);
    }
    await out.line("");
    await out.table(type.capabilities, capabilityView);
  },
});
