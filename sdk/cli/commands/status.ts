import type { Claw } from "../../client/index.ts";
import { defineCommand } from "../command.ts";
import { outputOption } from "../options.ts";
import { formatDuration } from "../output/age.ts";
import type { View } from "../output/printer.ts";

type Status = Awaited<ReturnType<Claw["service"]["status"]>>;
interface Part {
  readonly part: string;
  readonly state: string;
  readonly details: string;
}

const view: View<Part> = {
  name: ({ part }) => part,
  columns: [
    { header: "PART", value: ({ part }) => part },
    { header: "STATE", value: ({ state }) => state },
    { header: "DETAILS", value: ({ details }) => details },
  ],
};

export const statusCommand = defineCommand({
  path: "status",
  group: "This program",
  summary: "Show how the control plane does: its replicas, its database, and what it depends on",
  details:
    "Connections are those of the replica that answers. One that is `open` has failed three times in a row: whoever needs it is told so at once, and it is tried again every five seconds.",
  examples: ["claw status", "claw status -o json"],
  syntax: (command) => command.addOption(outputOption),
  async run({ claw, out, signal }, { output }) {
    const status = await claw.service.status({ signal });
    if (output === "json") {
      return out.line(JSON.stringify(status, null, 2));
    }
    await out.items(partsOf(status), view, output);
  },
});

function partsOf({ version, database, eventLoopDelayMs, residentBytes, uptimeSeconds, dependencies, clusters, replicas }: Status): Part[] {
  const delay = `event loop late by ${eventLoopDelayMs.mean} ms on average, ${eventLoopDelayMs.p99} ms at most of 99%`;
  return [
    {
      part: "control plane",
      state: version,
      details: `up ${formatDuration(uptimeSeconds * 1000)}, ${Math.round(residentBytes / 2 ** 20)} MiB, ${delay}`,
    },
    ...replicas.map((replica) => ({ part: `replica ${replica.name}`, state: replica.version, details: "" })),
    { part: "database", state: "answers", details: `in ${database.milliseconds} ms` },
    ...clusters.map(({ name, reachable, reason }) => ({
      part: `cluster ${name}`,
      state: reachable === undefined ? "unknown" : reachable ? "reachable" : "unreachable",
      details: reason ?? "",
    })),
    ...dependencies.map(({ dependency, state, failures, message }) => ({
      part: `connection to ${dependency}`,
      state,
      details: failures === 0 ? "" : `failed ${failures} times: ${message ?? ""}`,
    })),
  ];
}
