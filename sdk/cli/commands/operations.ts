import { Option } from "@commander-js/extra-typings";
import type { InstanceOperation, ResourceProgress } from "../../contract/index.ts";
import { defineCommand } from "../command.ts";
import { outputOption } from "../options.ts";
import { formatAge, formatDuration } from "../output/age.ts";
import type { View } from "../output/printer.ts";
import { renderTree, type TreeNode } from "../output/tree.ts";
import { sleep } from "../watch.ts";

const operationView: View<InstanceOperation> = {
  name: ({ id }) => id,
  columns: [
    { header: "AGE", value: ({ startedAt }) => formatAge(startedAt) },
    { header: "KIND", value: ({ kind }) => kind },
    { header: "GENERATION", value: ({ generation }) => String(generation) },
    { header: "STATE", value: ({ state }) => state },
    { header: "TOOK", value: took },
    { header: "CHANGED", value: ({ resources }) => String(resources.filter(({ op, state }) => state === "done" && op !== "same").length) },
    { header: "ID", wide: true, value: ({ id }) => id },
  ],
};

export const operationsCommand = defineCommand({
  path: "operations",
  group: "Instances",
  summary: "Show what is being done for an instance, resource by resource, and what was lately",
  examples: ["claw operations web", "claw operations web --watch", "claw operations web -o json"],
  syntax: (command) =>
    command
      .argument("<instance>", "its name")
      .addOption(outputOption)
      .addOption(new Option("-w, --watch", "each change of a resource as it happens, until interrupted; with -o json a line of JSON each")),
  async run({ claw, out, signal }, { output, watch }, name) {
    const read = async () => (await claw.instances.operations(name, { signal })).items;
    if (watch) {
      const seen = new Set<string>();
      for (;;) {
        for (const operation of (await read()).toReversed()) {
          for (const resource of operation.resources) {
            const text = `${resource.state} ${resource.op ?? "-"} ${resource.type} ${resource.name}`;
            const key = `${operation.id} ${text}`;
            if (!seen.has(key)) {
              seen.add(key);
              await out.line(output === "json" ? JSON.stringify({ operation: operation.id, ...resource }) : text);
            }
          }
        }
        await sleep(1000, signal);
      }
    }
    const operations = await read();
    await out.items(operations, operationView, output);
    const [newest] = operations;
    if (newest && newest.resources.length > 0 && (output === "table" || output === "wide")) {
      await out.line("");
      for (const line of renderTree(nodesOf(newest.resources), out.paint)) {
        await out.line(line);
      }
    }
  },
});

const MARKS = { pending: "idle", running: "waiting", done: "done", failed: "failed", interrupted: "failed" } as const;

/** The instance, with what it is made of beneath it. */
function nodesOf(resources: readonly ResourceProgress[]): TreeNode[] {
  const [first, ...rest] = resources.map((resource): TreeNode => {
    const { name, type, op = "", state } = resource;
    const note = [type, op, state, took(resource)].filter((part) => part !== "" && part !== "-").join("  ");
    return { label: name, state: MARKS[state], note };
  });
  return resources[0]?.level === 0 && first ? [{ ...first, children: rest }] : [...(first ? [first] : []), ...rest];
}

function took({ startedAt, endedAt }: { readonly startedAt?: string | undefined; readonly endedAt?: string | undefined }): string {
  return startedAt === undefined ? "-" : formatDuration((endedAt ? Date.parse(endedAt) : Date.now()) - Date.parse(startedAt));
}
