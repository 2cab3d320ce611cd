import { Option } from "@commander-js/extra-typings";
import { defineCommand } from "../command.ts";

export const mcpCommand = defineCommand({
  path: "mcp",
  group: "Sessions",
  summary: "Serve the Model Context Protocol on stdin and stdout, for AI agents",
  details:
    "Gives an agent tools to list, get, explain, read logs and events, and preview changes, as whoever this command is logged in. " +
    "Nothing can be changed by them; with --allow-apply a plan that was previewed can be applied. It ends when stdin ends.",
  examples: ["claw mcp", "claw mcp --tenant acme", "claw mcp --allow-apply"],
  syntax: (command) => command.addOption(new Option("--allow-apply", "with a tool that applies a plan by its id")),
  async run(context, { allowApply = false }) {
    // The protocol's library is as large as all else: no other command loads it.
    const { serveMcp } = await import("../mcp/server.ts");
    await serveMcp(context, allowApply);
  },
});
