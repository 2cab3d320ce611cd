import { Option } from "@commander-js/extra-typings";
import { ConnectionError } from "../../client/index.ts";
import { defineCommand } from "../command.ts";
import { programVersion } from "../version.ts";

export const versionCommand = defineCommand({
  path: "version",
  group: "This program",
  summary: "Print the versions of this program and of the control plane",
  examples: ["claw version", "claw version --client", "claw version -o json"],
  syntax: (command) =>
    command
      .addOption(new Option("--client", "only this program's"))
      .addOption(new Option("-o, --output <format>", "how to print").choices(["text", "json"]).default("text")),
  async run({ claw, out, signal }, { client, output }) {
    const server = client ? undefined : await claw.withOptions({ maxRetries: 0 }).service.version({ signal }).catch(unreachable);
    if (output === "json") {
      return out.line(JSON.stringify({ client: { version: programVersion }, ...(server === undefined ? {} : { server }) }));
    }
    await out.line(`claw ${programVersion}`);
    if (server) {
      await out.line(`control plane ${server.version} (${server.apiVersion}) at ${claw.url}`);
    } else if (!client) {
      out.note(`control plane: can't be reached at ${claw.url}`);
    }
  },
});

function unreachable(error: unknown): undefined {
  if (!(error instanceof ConnectionError)) {
    throw error;
  }
  return undefined;
}
