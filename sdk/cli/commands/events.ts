import { Option } from "@commander-js/extra-typings";
import type { InstanceEvent } from "../../contract/index.ts";
import { defineCommand } from "../command.ts";
import { outputOption, parseCount } from "../options.ts";
import { formatAge } from "../output/age.ts";
import type { View } from "../output/printer.ts";
import { Table } from "../output/table.ts";
import { sleep } from "../watch.ts";

export const eventView: View<InstanceEvent> = {
  name: (e) => e.id,
  columns: [
    { header: "AGE", value: (e) => formatAge(e.time) },
    { header: "TIME", value: (e) => e.time, wide: true },
    { header: "TYPE", value: (e) => e.type },
    { header: "REASON", value: (e) => e.reason },
    { header: "ACTOR", value: (e) => e.actor ?? "-", wide: true },
    { header: "MESSAGE", value: (e) => e.message },
  ],
};

export const eventsCommand = defineCommand({
  path: "events",
  group: "Instances",
  summary: "Show what happened to an instance, newest first",
  examples: ["claw events web", "claw events web --limit 5 -o wide", "claw events web --watch -o json"],
  syntax: (command) =>
    command
      .argument("<instance>", "its name")
      .addOption(outputOption)
      .addOption(new Option("--limit <count>", "at most so many").argParser(parseCount(1, 10_000)).default(50))
      .addOption(new Option("-w, --watch", "oldest first, then each new event until interrupted; with -o json a line of JSON each")),
  async run({ claw, out, signal }, { output, limit, watch }, name) {
    const events: InstanceEvent[] = [];
    for await (const event of claw.instances.events(name, { limit: Math.min(limit, 500) }, { signal })) {
      if (events.push(event) >= limit) {
        break;
      }
    }
    if (!watch) {
      return out.items(events, eventView, output);
    }
    const table = new Table(eventView.columns, output === "wide");
    const seen = new Set<string>();
    if (output === "table" || output === "wide") {
      await out.line(out.paint("bold", table.header(events)));
    }
    for (let batch: readonly InstanceEvent[] = events; ; ) {
      for (const event of batch.toReversed()) {
        if (!seen.has(event.id)) {
          seen.add(event.id);
          const [row = ""] = output === "json" ? [JSON.stringify(event)] : output === "name" ? [event.id] : table.rows([event]);
          await out.line(row);
        }
      }
      await sleep(1000, signal);
      batch = (await claw.instances.events(name, { limit: 100 }, { signal })).items;
    }
  },
});
