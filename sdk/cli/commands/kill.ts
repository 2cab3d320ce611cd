import { forceOption, selectNames } from "../actions.ts";
import { defineCommand } from "../command.ts";
import { usageError } from "../failure.ts";
import { previewOption, selectorOption, timeoutOption, waitOption } from "../options.ts";
import { showPlan } from "../preview.ts";
import { waitFor } from "../wait.ts";

export const killCommand = defineCommand({
  path: "kill",
  group: "Instances",
  summary: "Kill instances at once and keep them stopped",
  details: "Their processes get no chance to finish anything. 'claw stop' is the gentle way. Their data stays.",
  examples: ["claw kill web --force", "claw kill web --force --wait", "claw kill web --preview"],
  syntax: (command) =>
    command
      .argument("[instance...]", "names")
      .addOption(forceOption)
      .addOption(selectorOption)
      .addOption(previewOption)
      .addOption(waitOption)
      .addOption(timeoutOption),
  async run(context, { force, selector, preview, wait, timeout }, given) {
    if (!force && !preview) {
      const names = given.length > 0 ? given.join(" ") : "<instance>";
      throw usageError("kill loses what the instance is doing", `'claw kill ${names} --force', or gently: 'claw stop ${names}'`);
    }
    const { claw, out, signal } = context;
    const names = await selectNames(context, "kill --force", given, selector);
    if (preview) {
      const changes = names.map((name) => ({ action: "kill" as const, name }));
      return showPlan(context, await claw.previews.create({ changes }, { signal }), undefined);
    }
    const killed = [];
    for (const name of names) {
      const instance = await claw.instances.kill(name, { signal });
      killed.push({ name: instance.metadata.name });
      await out.line(`instance/${instance.metadata.name} killed`);
    }
    if (wait) {
      await waitFor(context, killed, timeout);
    }
  },
});
