import { Option } from "@commander-js/extra-typings";
import type { ConfigDifference, Consistency } from "../../contract/index.ts";
import { defineCommand } from "../command.ts";
import { ExitCode, usageError } from "../failure.ts";
import { instanceKind } from "../kinds/instance.ts";
import { allowUncheckedOption, outputOption, parseDuration, previewOption, selectorOption, writeOutputOption } from "../options.ts";
import { formatAge } from "../output/age.ts";
import type { Paint } from "../output/colors.ts";
import type { View } from "../output/printer.ts";
import { showPlan } from "../preview.ts";

const view: View<Consistency> = {
  name: ({ instance }) => instance,
  columns: [
    { header: "INSTANCE", value: ({ instance }) => instance },
    { header: "STATE", value: ({ state }) => state },
    { header: "DIFFERS", value: ({ counts }) => String(counts.differs) },
    { header: "IGNORED", value: ({ counts }) => String(counts.ignored) },
    { header: "CLAW SAYS", value: ({ live }) => live },
    { header: "CHECKED", value: ({ checkedAt }) => (checkedAt === undefined ? "-" : formatAge(checkedAt)) },
    { header: "PROJECT", value: ({ project }) => project, wide: true },
    { header: "WHY", value: whyOf },
  ],
};

function whyOf({ message, files, reverting }: Consistency): string {
  const [file] = files;
  const changed =
    file && `${file.path} changed${file.changedAt ? ` ${formatAge(file.changedAt)} ago` : ""}${file.by ? ` by ${file.by}` : ""}`;
  return [message, changed, reverting && `to be reverted, by ${reverting.by}`].filter(Boolean).join("; ") || "-";
}

export const configsCheck = defineCommand({
  path: "configs check",
  group: "Resources",
  summary: "Look what claws are configured with, against what is declared",
  details:
    "Asks each: what stands in its files, and what its program says of itself where it can be asked. Beneath an instance that differs: whose each key is, what is declared, what is there. Exits with 6 when anything differs that is not ignored.",
  examples: ["claw configs check", "claw configs check web", "claw configs check -l ring=canary -o json"],
  syntax: (command) => command.argument("[instance...]", "names; all when absent").addOption(selectorOption).addOption(outputOption),
  async run(context, { selector, output }, given) {
    const { claw, out, signal } = context;
    if (given.length > 0 && selector !== undefined) {
      throw usageError(
        "name instances, or select them by labels, but not both",
        "claw configs check <instance>, or claw configs check -l <labels>",
      );
    }
    const items: Consistency[] = [];
    for (const name of given) {
      items.push(await claw.instances.consistency(name.replace(/^instance\//, ""), { signal }));
    }
    if (given.length === 0) {
      for await (const item of claw.instances.check(selector === undefined ? {} : { labelSelector: selector }, { signal })) {
        items.push(item);
      }
    }
    await out.items(items, view, output);
    if (output === "table" || output === "wide") {
      for (const { instance, differences, counts } of items.filter(({ differences: found }) => found.length > 0)) {
        await out.line(`\n${instance}`);
        for (const difference of differences) {
          await out.line(lineOf(difference, out.paint));
        }
        const more = counts.differs + counts.ignored + counts.own - differences.length;
        if (more > 0) {
          await out.line(`  and ${more} more`);
        }
      }
    }
    const unknown = items.filter(({ state }) => state === "unknown").length;
    if (unknown > 0) {
      out.note(`${unknown} of ${items.length} can't be asked now`);
    }
    context.exitCode = items.some(({ counts }) => counts.differs > 0) ? ExitCode.Changes : ExitCode.Ok;
  },
});

function lineOf({ key, owner, declared = "-", disk = "-", live, state, ignoredUntil }: ConfigDifference, paint: Paint): string {
  const running = live === undefined || live === disk ? "" : `, its claw runs with ${paint("red", live)}`;
  const left = state === "ignored" ? ` (ignored until ${ignoredUntil})` : state === "own" ? " (the claw's own)" : "";
  return `  ${key}: ${paint("green", declared)} → ${paint("red", disk)}${running} [${owner}]${left}`;
}

const keyOption = new Option("--key <key...>", "these differences alone, as 'claw configs check' names them");

export const configRevert = defineCommand({
  path: "config revert",
  group: "Instances",
  summary: "Have an instance's config files written once more as they are declared",
  details: "By its agent, as soon as that is connected. Where claws of its type read their files at their start alone, it is restarted.",
  examples: ["claw config revert web", "claw config revert web --preview"],
  syntax: (command) => command.argument("<instance>", "its name").addOption(previewOption).addOption(writeOutputOption),
  async run(context, { preview, output }, name) {
    const { claw, out, signal } = context;
    if (preview) {
      return showPlan(context, await claw.previews.create({ changes: [{ action: "revert", name }] }, { signal }), output);
    }
    const instance = await claw.instances.revert(name, { preview: false, signal });
    return output ? out.item(instance, instanceKind, output) : out.line(`instance/${name} is to have its files as they are declared`);
  },
});

export const configAdopt = defineCommand({
  path: "config adopt",
  group: "Instances",
  summary: "Take what somebody changed in an instance's config files into its overrides",
  details:
    "What is secret, the platform's, locked by a weaker level, or has no place in the configuration is refused. Without '--key': all that differs.",
  examples: ["claw config adopt web --preview", "claw config adopt web --key reply.prefix"],
  syntax: (command) =>
    command
      .argument("<instance>", "its name")
      .addOption(keyOption)
      .addOption(previewOption)
      .addOption(allowUncheckedOption)
      .addOption(writeOutputOption),
  async run(context, { key: keys, preview, allowUnchecked, output }, name) {
    const { claw, out, signal } = context;
    const request = keys === undefined ? {} : { keys };
    if (preview) {
      return showPlan(context, await claw.instances.adopt(name, request, { preview: true, signal }), output);
    }
    const instance = await claw.instances.adopt(name, request, { preview: false, allowUnchecked: allowUnchecked === true, signal });
    return output ? out.item(instance, instanceKind, output) : out.line(`instance/${name} is declared as it is configured`);
  },
});

export const configIgnore = defineCommand({
  path: "config ignore",
  group: "Instances",
  summary: "Leave differences of an instance's config files alone until a time",
  details: "Without '--key': all that differs. It is declared in spec.config.ignored.",
  examples: [
    "claw config ignore web --for 24h",
    "claw config ignore web --key reply.prefix --until 2030-01-01T00:00:00Z",
    "claw config ignore web --not",
  ],
  syntax: (command) =>
    command
      .argument("<instance>", "its name")
      .addOption(keyOption)
      .addOption(new Option("--for <duration>", "from now on: '2h', '45m'").argParser(parseDuration))
      .addOption(new Option("--until <time>", "a time such as 2030-01-01T00:00:00Z").conflicts("for"))
      .addOption(new Option("--not", "they count again").conflicts(["for", "until"]))
      .addOption(previewOption)
      .addOption(writeOutputOption),
  async run(context, { key: keys, for: durationMs, until, not, preview, output }, name) {
    const { claw, out, signal } = context;
    if (durationMs === undefined && until === undefined && !not) {
      throw usageError("no time is named", "give '--for <duration>', '--until <time>' or '--not'");
    }
    const time = durationMs === undefined ? until : new Date(Date.now() + durationMs).toISOString();
    const request = { ...(keys && { keys }), until: time ?? null };
    if (preview) {
      return showPlan(context, await claw.instances.ignore(name, request, { preview: true, signal }), output);
    }
    const instance = await claw.instances.ignore(name, request, { preview: false, signal });
    const done = time === undefined ? "is looked at in whole again" : `is left alone there until ${time}`;
    return output ? out.item(instance, instanceKind, output) : out.line(`instance/${name} ${done}`);
  },
});
