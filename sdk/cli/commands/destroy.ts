import { Option } from "@commander-js/extra-typings";
import { selectNames } from "../actions.ts";
import { defineCommand } from "../command.ts";
import { instanceKind } from "../kinds/instance.ts";
import { previewOption, selectorOption, timeoutOption, waitOption, yesOption } from "../options.ts";
import { remove } from "../removal.ts";

export const purgeDataOption = new Option("--purge-data", "also delete the instances' data, which is kept otherwise");

export const forgetOption = new Option("--forget", "when its cluster can't be reached: let go of it at once, and leave there what it has");

export const destroyCommand = defineCommand({
  path: "destroy",
  group: "Instances",
  summary: "Destroy instances",
  details:
    "Shows what goes and asks. The data is kept where it is, unless --purge-data or the instances' deletion policy says otherwise; no other instance gets it.",
  examples: ["claw destroy web", "claw destroy web --yes --wait", "claw destroy web --purge-data --preview", "claw destroy web --forget"],
  syntax: (command) =>
    command
      .argument("[instance...]", "names")
      .addOption(selectorOption)
      .addOption(purgeDataOption)
      .addOption(forgetOption)
      .addOption(previewOption)
      .addOption(yesOption)
      .addOption(waitOption)
      .addOption(timeoutOption),
  async run(context, { selector, wait, timeout, ...options }, given) {
    const names = await selectNames(context, "destroy", given, selector);
    if (names.length > 0) {
      await remove(
        context,
        names.map((name) => ({ kind: instanceKind, name })),
        { ...options, ...(wait ? { waitMs: timeout } : {}) },
      );
    }
  },
});
