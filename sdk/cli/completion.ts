import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import type { Claw } from "../client/index.ts";
import { clusterKind } from "./kinds/cluster.ts";
import { configKind } from "./kinds/config-template.ts";
import { instanceKind } from "./kinds/instance.ts";
import type { ResourceKind } from "./kinds/kind.ts";
import { projectKind } from "./kinds/project.ts";
import { tenantKind } from "./kinds/tenant.ts";
import { findKind, resourceKinds } from "./resources.ts";

/** Completion must not make a shell hang. */
const NAMES_TIMEOUT_MS = 1500;

/** What could stand for the last of `words`, as `word<TAB>description`. Names are asked of the control plane, when it is there. */
export async function complete(program: CommandUnknownOpts, words: readonly string[], claw: () => Promise<Claw>): Promise<string[]> {
  const typed = words.at(-1) ?? "";
  const { command, rest } = descend(program, words.slice(0, -1));
  const previous = words.at(-2) ?? "";
  const pending = optionOf(command, previous);
  if (pending) {
    const kind = KIND_OF_OPTION[pending.attributeName()];
    return kind ? names(kind, typed, claw) : starting(typed, pending.argChoices ?? [], pending.description);
  }
  if (typed.startsWith("-")) {
    const options = command.options.filter((option) => !option.hidden && option.long?.startsWith(typed));
    return options.map((option) => `${option.long}\t${option.description}`);
  }
  const subcommands = command.createHelp().visibleCommands(command);
  if (subcommands.length > 0) {
    return subcommands.filter((sub) => sub.name().startsWith(typed)).map((sub) => `${sub.name()}\t${sub.summary()}`);
  }
  const positionals = withoutOptions(command, rest);
  const argument = command.registeredArguments[Math.min(positionals.length, command.registeredArguments.length - 1)];
  return argument ? completeArgument(argument.name(), argument.argChoices ?? [], positionals, typed, claw) : [];
}

const KIND_OF_ARGUMENT: Readonly<Record<string, ResourceKind>> = {
  instance: instanceKind,
  config: configKind,
  tenant: tenantKind,
  project: projectKind,
  cluster: clusterKind,
};
const KIND_OF_OPTION: Readonly<Record<string, ResourceKind>> = {
  tenant: tenantKind,
  project: projectKind,
  config: configKind,
};

async function completeArgument(
  argument: string,
  choices: readonly string[],
  positionals: readonly string[],
  typed: string,
  claw: () => Promise<Claw>,
): Promise<string[]> {
  if (choices.length > 0) {
    return starting(typed, choices, "");
  }
  const kind = KIND_OF_ARGUMENT[argument];
  if (kind) {
    return names(kind, typed, claw);
  }
  if (argument === "kind" || argument === "resource" || argument === "name") {
    const [word, prefix] = typed.split("/");
    const slashed = prefix === undefined ? undefined : findKind(word ?? "");
    const leading = findKind(positionals[0] ?? "");
    if (slashed) {
      return (await names(slashed, prefix ?? "", claw)).map((candidate) => `${word}/${candidate}`);
    }
    if (leading) {
      return names(leading, typed, claw);
    }
    return argument === "name" ? [] : resourceKinds.filter((k) => k.word.startsWith(typed)).map((k) => `${k.word}\t${k.kind}`);
  }
  return [];
}

function descend(program: CommandUnknownOpts, words: readonly string[]): { command: CommandUnknownOpts; rest: readonly string[] } {
  let command = program;
  for (const [index, word] of words.entries()) {
    const next = command.commands.find((sub) => sub.name() === word || sub.aliases().includes(word));
    if (next) {
      command = next;
    } else if (command.commands.length === 0) {
      return { command, rest: words.slice(index) };
    }
  }
  return { command, rest: [] };
}

/** The option that a word is, when it takes a value. */
function optionOf(command: CommandUnknownOpts, word: string) {
  return command.options.find((option) => (option.short === word || option.long === word) && option.required);
}

function withoutOptions(command: CommandUnknownOpts, words: readonly string[]): string[] {
  return words.filter((word, index) => {
    return !word.startsWith("-") && !optionOf(command, words[index - 1] ?? "");
  });
}

function starting(typed: string, words: readonly string[], description: string): string[] {
  return words.filter((word) => word.startsWith(typed)).map((word) => `${word}\t${description}`);
}

async function names(kind: ResourceKind, typed: string, claw: () => Promise<Claw>): Promise<string[]> {
  try {
    const client = (await claw()).withOptions({ maxRetries: 0, timeoutMs: NAMES_TIMEOUT_MS });
    const { items } = await kind.list(client, { limit: 200 }, AbortSignal.timeout(NAMES_TIMEOUT_MS));
    return items.filter((item) => item.metadata.name.startsWith(typed)).map((item) => `${item.metadata.name}\t${kind.kind}`);
  } catch {
    // No control plane, no names: an error would land in the middle of the command line.
    return [];
  }
}
