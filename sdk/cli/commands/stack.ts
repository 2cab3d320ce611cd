import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { Option } from "@commander-js/extra-typings";
import type { StackExport, StackUpdate } from "../../contract/index.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { CliError, ExitCode, usageError } from "../failure.ts";
import { outputOption, parseCount, yesOption } from "../options.ts";
import { formatAge, formatDuration } from "../output/age.ts";
import { writeDrift } from "../output/drift.ts";
import type { View } from "../output/printer.ts";
import { confirm } from "../prompt.ts";

/** A state of thousands of instances takes a while to read, to check and to write. */
const TIMEOUT_MS = 600_000;
const STACK = "the tenant's name, or <tenant>.<cluster>";

export const stackExport = defineCommand({
  path: "stack export",
  group: "Resources",
  summary: "Print the state of a tenant's stack, in Pulumi's own form",
  details:
    "Secrets are sealed: the file can be imported into this control plane only. With '--show-secrets' they are in plaintext, which is put " +
    "on record; 'PULUMI_CONFIG_PASSPHRASE= pulumi stack import' takes such a file.",
  examples: ["claw stack export acme --file acme.json", "claw stack export acme --show-secrets > acme.json"],
  syntax: (command) =>
    command
      .argument("<stack>", STACK)
      .addOption(new Option("--file <path>", "write it to a file that only you can read"))
      .addOption(new Option("--show-secrets", "with secrets in plaintext")),
  async run({ claw, io, out, signal }, { file, showSecrets = false }, stack) {
    const exported = await claw.stacks.export(stack, { showSecrets }, { signal, timeoutMs: TIMEOUT_MS });
    const text = `${JSON.stringify(exported, null, 2)}\n`;
    if (file === undefined) {
      return out.write(text);
    }
    await writeFile(resolve(io.cwd, file), text, { mode: 0o600 });
    out.note(`stack/${stack} exported to ${file}: ${countOf(exported)}`);
  },
});

export const stackImport = defineCommand({
  path: "stack import",
  group: "Resources",
  summary: "Replace the state of a tenant's stack by an exported one",
  details: "The file is checked first: one that is not sound is refused, and nothing changes. No instance is touched by it.",
  examples: ["claw stack import acme --file acme.json", "claw stack import acme --file - --yes < acme.json"],
  syntax: (command) =>
    command
      .argument("<stack>", STACK)
      .addOption(new Option("--file <path>", "what an export wrote, or '-' for stdin").makeOptionMandatory())
      .addOption(yesOption),
  async run(context, { file, yes }, stack) {
    const { claw, io, out, signal } = context;
    const exported = await readExport(context, file);
    if (!yes && !(await confirm(io, `Replace the state of stack/${stack} by ${countOf(exported)}?`))) {
      return out.note("nothing was imported");
    }
    const { resources, warning } = await claw.stacks.import(stack, exported, { signal, timeoutMs: TIMEOUT_MS, maxRetries: 0 });
    await out.line(`stack/${stack} imported: ${resources} resources`);
    if (warning !== undefined) {
      out.note(warning);
    }
  },
});

async function readExport({ io }: Context, file: string): Promise<StackExport> {
  const read = file === "-" ? readAll(io.stdin) : readFile(resolve(io.cwd, file), "utf8");
  const text = await read.catch((cause: Error) => {
    throw new CliError(`${file} can't be read`, { why: cause.message, exitCode: ExitCode.Usage, cause });
  });
  try {
    return JSON.parse(text) as StackExport;
  } catch {
    throw usageError(`${file} is not JSON`, "give what 'claw stack export' or 'pulumi stack export' printed");
  }
}

function countOf({ deployment }: StackExport): string {
  return `${deployment?.resources?.length ?? 0} resources`;
}

const updateView: View<StackUpdate> = {
  name: (update) => String(update.version),
  columns: [
    { header: "VERSION", value: (update) => String(update.version) },
    { header: "KIND", value: (update) => update.kind },
    { header: "RESULT", value: (update) => update.result },
    { header: "AGE", value: (update) => formatAge(update.startTime) },
    { header: "TOOK", value: (update) => formatDuration(Date.parse(update.endTime) - Date.parse(update.startTime)) },
    { header: "CHANGES", value: (update) => changesOf(update) },
  ],
};

function changesOf({ resourceChanges }: StackUpdate): string {
  return (
    Object.entries(resourceChanges)
      .map(([op, count]) => `${count} ${op}`)
      .join(", ") || "-"
  );
}

export const stackHistory = defineCommand({
  path: "stack history",
  group: "Resources",
  summary: "List the operations of a tenant's stack, newest first",
  examples: ["claw stack history acme", "claw stack history acme --limit 5 -o json"],
  syntax: (command) =>
    command
      .argument("<stack>", STACK)
      .addOption(new Option("--limit <count>", "how many").argParser(parseCount(1, 500)).default(20))
      .addOption(outputOption),
  async run({ claw, out, signal }, { limit, output }, stack) {
    const { items } = await claw.stacks.history(stack, { limit }, { signal });
    await out.items(items, updateView, output);
  },
});

export const stackRefresh = defineCommand({
  path: "stack refresh",
  group: "Resources",
  summary: "Look now for what was changed behind a tenant's stack's back",
  details:
    "The service does so by itself every CLAW_REFRESH_SECONDS, and at once where it watches a cluster. What is found is reported or " +
    "repaired as each instance's 'spec.drift' says.",
  examples: ["claw stack refresh acme", "claw stack refresh acme.eu-1"],
  syntax: (command) => command.argument("<stack>", STACK),
  async run({ claw, out, signal }, _options, stack) {
    const { resources, summary, drift, skipped } = await claw.stacks.refresh(stack, { signal, timeoutMs: TIMEOUT_MS });
    await out.line(
      `stack/${stack}: ${resources} resources read, ${summary.drift === 0 ? "all as declared" : `${summary.drift} not as declared`}`,
    );
    for (const [instance, found] of Map.groupBy(drift, (item) => item.instance)) {
      await out.line(`${out.paint("bold", instance)} (declared → actual)`);
      for (const item of found) {
        await writeDrift(out, item);
      }
    }
    if (summary.drift > drift.length) {
      out.note(`${summary.drift - drift.length} more are not listed: 'claw describe' shows all of an instance`);
    }
    if (summary.skipped > 0) {
      const more = summary.skipped - skipped.length;
      out.note(`left alone, because a change is under way: ${skipped.join(", ")}${more > 0 ? ` and ${more} more` : ""}`);
    }
  },
});

export const stackCancel = defineCommand({
  path: "stack cancel",
  group: "Resources",
  summary: "Stop the operation that is running on a tenant's stack",
  details:
    "Steps under way end first. An operation that does not stop within 30 seconds loses the stack and can write nothing more. What is " +
    "still wanted is tried again later: to prevent that, change it first.",
  examples: ["claw stack cancel acme"],
  syntax: (command) => command.argument("<stack>", STACK).addOption(yesOption),
  async run({ claw, io, out, signal }, { yes }, stack) {
    if (!yes && !(await confirm(io, `Stop the operation that is running on stack/${stack}?`))) {
      return out.note("nothing was cancelled");
    }
    const { holder, stopped } = await claw.stacks.cancel(stack, { signal });
    if (holder === undefined) {
      return out.line(`stack/${stack}: nothing was running`);
    }
    await out.line(`stack/${stack}: ${holder} ${stopped ? "stopped" : "did not stop in time; it can write nothing more"}`);
  },
});

export const stackUnlock = defineCommand({
  path: "stack unlock",
  group: "Resources",
  summary: "Take a tenant's stack from a worker that is gone",
  details:
    "A lease ends by itself 30 seconds after its worker's last sign of life; this ends it at once. Whoever held it can write nothing more.",
  examples: ["claw stack unlock acme"],
  syntax: (command) => command.argument("<stack>", STACK).addOption(yesOption),
  async run({ claw, io, out, signal }, { yes }, stack) {
    if (!yes && !(await confirm(io, `Take stack/${stack} from its worker?`))) {
      return out.note("nothing was unlocked");
    }
    const { holder } = await claw.stacks.unlock(stack, { signal });
    await out.line(`stack/${stack}: ${holder === undefined ? "was not locked" : `unlocked; ${holder} had it`}`);
  },
});

export const stackMigrate = defineCommand({
  path: "stack engine migrate",
  group: "Resources",
  summary: "Move a tenant's stack to another engine",
  details: "Its operations run there from then on, whatever CLAW_ENGINE says: that is for new stacks. No instance is touched by it.",
  examples: ["claw stack engine migrate acme --to cli"],
  syntax: (command) =>
    command
      .argument("<stack>", STACK)
      .addOption(new Option("--to <engine>", "the embedded engine, or the Pulumi CLI").choices(["embedded", "cli"]).makeOptionMandatory())
      .addOption(yesOption),
  async run({ claw, io, out, signal }, { to, yes }, stack) {
    if (!yes && !(await confirm(io, `Move stack/${stack} to the engine '${to}'?`))) {
      return out.note("nothing was moved");
    }
    const { from, resources } = await claw.stacks.migrate(stack, { engine: to as "embedded" | "cli" }, { signal, timeoutMs: TIMEOUT_MS });
    await out.line(
      from === to
        ? `stack/${stack} is with the engine '${to}' already`
        : `stack/${stack} moved to the engine '${to}': ${resources} resources`,
    );
  },
});
