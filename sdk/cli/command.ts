import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import type { Context } from "./context.ts";

type Group = "Instances" | "Manifests" | "Resources" | "Access" | "Sessions" | "This program";

/** Inferred from the syntax as a whole: arguments and options of a chain of calls are its return type. */
interface CommandSpec<C extends CommandUnknownOpts> {
  /** Words of the command: `create`, `tenants list`. */
  readonly path: string;
  readonly group: Group;
  readonly summary: string;
  /** More than the summary: what happens, what it exits with. */
  readonly details?: string;
  readonly examples: readonly string[];
  readonly aliases?: readonly string[];
  readonly syntax: (command: Command) => C;
  readonly run: (context: Context, options: ReturnType<C["opts"]>, ...args: C["processedArgs"]) => Promise<void>;
}

/** A command as data: help, completion and dispatch walk the same tree of them. */
export interface CommandDefinition {
  readonly path: readonly string[];
  readonly group: Group;
  readonly summary: string;
  /** The command with its arguments and options, not yet part of a program. */
  build(execute: (command: CommandUnknownOpts, run: (context: Context) => Promise<void>) => Promise<void>): CommandUnknownOpts;
}

/** Describes a command; the types of its arguments and options are those of its syntax. */
export function defineCommand<C extends CommandUnknownOpts>(spec: CommandSpec<C>): CommandDefinition {
  const path = spec.path.split(" ");
  return {
    path,
    group: spec.group,
    summary: spec.summary,
    build(execute) {
      const command = new Command(path.at(-1) ?? "");
      command.summary(spec.summary).description(spec.details ? `${spec.summary}.\n\n${spec.details}` : `${spec.summary}.`);
      command.aliases([...(spec.aliases ?? [])]);
      const typed = spec.syntax(command);
      typed.addHelpText("after", `\nExamples:\n${spec.examples.map((example) => `  $ ${example}`).join("\n")}`);
      typed.action(async (...all: unknown[]) => {
        // Commander calls with the arguments, then the options, then the command.
        const args = all.slice(0, -2) as C["processedArgs"];
        await execute(command, (context) => spec.run(context, typed.opts() as ReturnType<C["opts"]>, ...args));
      });
      return command;
    },
  };
}
