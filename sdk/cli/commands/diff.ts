import { Option } from "@commander-js/extra-typings";
import { defineCommand } from "../command.ts";
import { ExitCode, usageError } from "../failure.ts";
import { readManifests } from "../manifests.ts";
import { documentOutputOption, filesOption } from "../options.ts";
import { hasChanges } from "../output/preview.ts";
import { assertApplicable, printPreview, wholePreview } from "../preview.ts";
import { previewManifests } from "./apply.ts";

export const diffCommand = defineCommand({
  path: "diff",
  group: "Manifests",
  summary: "Show what applying manifests would change, and change nothing",
  details:
    "Prints per resource its properties, the lines of the claw's config files, restart or hot reload, quota and policy verdicts, and the command that applies exactly this. Exits with 1 when it fails or can't be applied.",
  examples: [
    "claw diff -f web.yaml",
    "claw get instance web -o yaml | claw diff -f -",
    "claw diff -f fleet/ -o json",
    "claw diff -f fleet/ --exit-code",
  ],
  syntax: (command) =>
    command
      .addOption(filesOption)
      .addOption(new Option("--exit-code", "exit with 6 when there is something to change"))
      .addOption(documentOutputOption),
  async run(context, { filename = [], exitCode, output }) {
    if (filename.length === 0) {
      throw usageError("no manifests were given", "claw diff -f <path>");
    }
    const plan = await previewManifests(context, await readManifests(context.io, filename));
    const preview = await wholePreview(plan, context.signal);
    await printPreview(context, preview, output);
    assertApplicable(plan);
    context.exitCode = exitCode && hasChanges(preview) ? ExitCode.Changes : ExitCode.Ok;
  },
});
