import type { Claw } from "../../client/index.ts";
import { defineCommand } from "../command.ts";
import { outputOption } from "../options.ts";
import { formatAge, formatDuration } from "../output/age.ts";
import type { View } from "../output/printer.ts";

type Leftover = Awaited<ReturnType<Claw["leftovers"]["list"]>>["items"][number];

const view: View<Leftover> = {
  name: ({ kind, name }) => `${kind.toLowerCase()}/${name}`,
  columns: [
    { header: "KIND", value: ({ kind }) => kind },
    { header: "NAME", value: ({ namespace, name }) => (namespace === undefined ? name : `${namespace}/${name}`) },
    { header: "CLUSTER", value: ({ cluster }) => cluster },
    { header: "TENANT", value: ({ tenant }) => tenant ?? "-" },
    { header: "FOUND", value: ({ since }) => formatAge(since) },
    { header: "ENDS IN", value: ({ endsAt }) => (endsAt === undefined ? "-" : formatDuration(Date.parse(endsAt) - Date.now())) },
    { header: "KEPT FOR", value: ({ keptFor }) => keptFor ?? "-" },
    { header: "INSTANCE", wide: true, value: ({ instance }) => instance ?? "-" },
    { header: "HOST", wide: true, value: ({ host }) => host ?? "-" },
  ],
};

export const leftoversCommand = defineCommand({
  path: "leftovers",
  group: "Resources",
  summary: "List what is on hosts and in clusters of instances that nobody knows",
  details: "It is ended by itself when its time is up. What may hold users' data is kept: delete it by the cluster's own means.",
  examples: ["claw leftovers", "claw leftovers -o wide"],
  syntax: (command) => command.addOption(outputOption),
  async run({ claw, out, signal }, { output }) {
    const items: Leftover[] = [];
    for await (const item of claw.leftovers.list({ limit: 200 }, { signal })) {
      items.push(item);
    }
    await out.items(items, view, output);
  },
});
