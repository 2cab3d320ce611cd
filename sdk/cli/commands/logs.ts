import { Option } from "@commander-js/extra-typings";
import { defineCommand } from "../command.ts";
import { parseCount } from "../options.ts";

export const logsCommand = defineCommand({
  path: "logs",
  group: "Instances",
  summary: "Print an instance's log",
  examples: ["claw logs web", "claw logs web --tail 20 -f"],
  syntax: (command) =>
    command
      .argument("<instance>", "its name")
      .addOption(new Option("-f, --follow", "then print each line as it is written, until interrupted"))
      .addOption(new Option("--tail <lines>", "the last so many lines").argParser(parseCount(0, 10_000)).default(200)),
  async run({ claw, out, signal }, { follow, tail }, name) {
    if (follow) {
      for await (const line of claw.instances.followLogs(name, { tailLines: tail, signal, onGap: (message) => out.note(message) })) {
        await out.line(line);
      }
      out.note("the log ended");
      return;
    }
    const { lines } = await claw.instances.logs(name, { tailLines: tail }, { signal });
    for (const line of lines) {
      await out.line(line);
    }
  },
});
