import { Option } from "@commander-js/extra-typings";
import { selectNames } from "../actions.ts";
import { defineCommand } from "../command.ts";
import { usageError } from "../failure.ts";
import { previewOption, selectorOption, timeoutOption, waitOption } from "../options.ts";
import { showPlan } from "../preview.ts";
import { waitFor } from "../wait.ts";

export const pinCommand = defineCommand({
  path: "pin",
  group: "Instances",
  summary: "Hold instances to one version of their config template",
  details: "What is published later does not reach them until '--newest' lets them have it again.",
  examples: [
    "claw pin web --to 12",
    "claw pin -l ring=canary --to 12 --preview",
    "claw pin web --newest",
    "claw pin web --secret openai --newest",
  ],
  syntax: (command) =>
    command
      .argument("[instance...]", "names")
      .addOption(new Option("--to <version>", "a number of 'claw configs versions'").argParser(parseVersion))
      .addOption(new Option("--secret <secret>", "the value of a secret instead, by its number"))
      .addOption(new Option("--newest", "whichever version is the newest, from now on").conflicts("to"))
      .addOption(selectorOption)
      .addOption(previewOption)
      .addOption(waitOption)
      .addOption(timeoutOption),
  async run(context, { to, newest, secret, selector, preview, wait, timeout }, given) {
    if (to === undefined && !newest) {
      throw usageError("no version is named", "give '--to <version>' or '--newest'");
    }
    const { claw, out, signal } = context;
    const names = await selectNames(context, "pin", given, selector);
    const pin = { version: to ?? null, ...(secret !== undefined && { secret }) };
    const what = secret === undefined ? "version" : `value of secret/${secret}`;
    if (preview) {
      const changes = names.map((name) => ({ action: "pin" as const, name, ...pin }));
      return showPlan(context, await claw.previews.create({ changes }, { signal }), undefined);
    }
    for (const name of names) {
      await claw.instances.pin(name, pin, { signal });
      await out.line(`instance/${name} ${to === undefined ? `has the newest ${what}` : `is held to ${what} ${to}`}`);
    }
    if (wait) {
      await waitFor(
        context,
        names.map((name) => ({ name })),
        timeout,
      );
    }
  },
});

/** @throws {CliError} for what is no number of a version */
export function parseVersion(text: string): number {
  const version = Number(text);
  if (!Number.isSafeInteger(version) || version < 1) {
    throw usageError(`'${text}' is no version`, "a number of 'claw configs versions', such as 12");
  }
  return version;
}
