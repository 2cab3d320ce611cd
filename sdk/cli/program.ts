import { Command, CommanderError, type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import type { CommandDefinition } from "./command.ts";
import { commandsFor, nouns } from "./commands.ts";
import { type Context, createContext, type GlobalOptions } from "./context.ts";
import { ExitCode, type Told, tell, usageError } from "./failure.ts";
import type { Io } from "./io.ts";
import { painter } from "./output/colors.ts";
import { programVersion } from "./version.ts";

/** Runs one command line. @returns the exit code */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const state: { context?: Context } = {};
  const program = buildProgram(await commandsFor(argv[0]), io, state);
  try {
    await program.parseAsync([...argv], { from: "user" });
    return state.context?.exitCode ?? ExitCode.Ok;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) {
      return ExitCode.Ok;
    }
    const told = io.signal.aborted ? { what: "interrupted", exitCode: ExitCode.Interrupted } : tell(error);
    if (!told) {
      io.stderr.write(
        `${error instanceof Error ? error.stack : String(error)}\nthis is a bug in claw; please report it with the lines above\n`,
      );
      return ExitCode.Failure;
    }
    if (told.exitCode === ExitCode.Interrupted) {
      // Leaves the line of the question or the progress that was interrupted.
      io.stderr.write(io.stderr.isTTY ? "\n" : "");
    } else {
      io.stderr.write(asksForJson(argv) ? `${JSON.stringify({ error: told })}\n` : render(told, io));
    }
    return told.exitCode;
  }
}

/** The tree of commands. */
export function buildProgram(commands: readonly CommandDefinition[], io: Io, state: { context?: Context }): CommandUnknownOpts {
  const program = prepare(new Command("claw"), io)
    .description("One control plane for many Claw instances.")
    .usage("<command> [options]")
    .version(programVersion, "-V, --version", "print this program's version")
    .addHelpText(
      "after",
      `\nExit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 authentication, 5 conflict, 6 changes ('claw diff --exit-code'), 130 interrupted.\n'claw <command> --help' tells more, with examples.`,
    );
  for (const definition of commands) {
    const parent = parentOf(program, definition.path, definition.group, io);
    const command = definition.build(async (self, execute) => {
      const context = await createContext(io, self.optsWithGlobals() as GlobalOptions);
      state.context = context;
      await execute(context);
    });
    prepare(command, io);
    if (parent === program) {
      command.helpGroup(`${definition.group}:`);
    }
    parent.addCommand(command);
  }
  // Hidden: the completion scripts call it.
  const completer = new Command("complete").argument("[words...]").allowUnknownOption();
  completer.action(async (words) => {
    const { complete } = await import("./completion.ts");
    const client = async () => (await createContext(io, {})).claw;
    const found = await complete(program, words, client);
    io.stdout.write(found.map((candidate) => `${candidate}\n`).join(""));
  });
  program.addCommand(completer, { hidden: true });
  return program;
}

function parentOf(program: CommandUnknownOpts, path: readonly string[], group: string, io: Io): CommandUnknownOpts {
  let parent = program;
  for (const [index, word] of path.slice(0, -1).entries()) {
    const noun = path.slice(0, index + 1).join(" ");
    const existing = parent.commands.find((command) => command.name() === word);
    const command =
      existing ??
      prepare(new Command(word), io)
        .description(`${nouns[noun]}.`)
        .summary(nouns[noun] ?? "");
    if (!existing) {
      parent.addCommand(parent === program ? command.helpGroup(`${group}:`) : command);
    }
    parent = command;
  }
  return parent;
}

/** What every command has: the options of all, help without colour codes in pipes, and errors that are thrown rather than printed. */
function prepare(command: CommandUnknownOpts, io: Io): CommandUnknownOpts {
  command
    .optionsGroup("Options of every command:")
    .addOption(new Option("-t, --tenant <name>", "the tenant to act in"))
    .addOption(new Option("--url <url>", "the control plane's address"))
    .addOption(new Option("--token <token>", "an API token"))
    .addOption(new Option("--profile <name>", "a profile that 'claw login' wrote"))
    .helpOption("-h, --help", "show this help")
    .helpCommand(false)
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: () => {},
      getOutHelpWidth: () => io.stdout.columns ?? 100,
      getErrHelpWidth: () => io.stderr.columns ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .exitOverride((error) => {
      if (error.exitCode === 0) {
        throw error;
      }
      const name = commandLine(command);
      if (error.code === "commander.help") {
        throw usageError("no command was given", `'${name} --help' lists them`);
      }
      throw usageError(error.message.replace(/^error: /, ""), `'${name} --help'`);
    });
  return command;
}

function commandLine(command: CommandUnknownOpts): string {
  return command.parent ? `${commandLine(command.parent)} ${command.name()}` : command.name();
}

function asksForJson(argv: readonly string[]): boolean {
  return argv.some(
    (word, index) => word === "-ojson" || word === "--output=json" || (word === "json" && /^(-o|--output)$/.test(argv[index - 1] ?? "")),
  );
}

function render({ what, why, fix, issues = [], code, requestId }: Told, io: Io): string {
  const paint = painter(io.stderr, io.env);
  const lines = [`${paint(["red", "bold"], "error:")} ${what}`];
  if (why) {
    lines.push(`${paint("bold", "why:")} ${why}`);
  }
  for (const issue of issues) {
    lines.push(`  ${issue.path ? `${issue.path}: ` : ""}${issue.message}${issue.fix ? ` (${issue.fix})` : ""}`);
  }
  if (fix) {
    lines.push(`${paint("bold", "fix:")} ${fix}`);
  }
  if (code !== undefined || requestId !== undefined) {
    lines.push(paint("dim", [code, requestId && `request ${requestId}`].filter(Boolean).join(", ")));
  }
  return `${lines.join("\n")}\n`;
}
