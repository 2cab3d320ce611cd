import { describe, it } from "vitest";
import { commandsFor } from "../../sdk/cli/commands.ts";
import { processIo } from "../../sdk/cli/io.ts";
import { buildProgram } from "../../sdk/cli/program.ts";
import { runCli } from "../support/cli.ts";

type Program = ReturnType<typeof buildProgram>;

function* pathsOf(program: Program, path: readonly string[] = []): Iterable<readonly string[]> {
  yield path;
  for (const command of program.commands) {
    if (command.name() !== "complete") {
      yield* pathsOf(command, [...path, command.name()]);
    }
  }
}

const program = buildProgram(await commandsFor(), processIo(new AbortController().signal), {});

describe("claw --help", () => {
  // The help is what people learn the program by: a change of it is seen in review.
  it.for([...pathsOf(program)].map((path) => ({ path, name: ["claw", ...path].join(" ") })))(
    "of '$name' stays as it is",
    async ({ path }, { expect }) => {
      const { code, stdout, stderr } = await runCli([...path, "--help"]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatchSnapshot();
    },
  );

  it("has examples that name real commands with real options, for every command", async ({ expect }) => {
    for (const path of pathsOf(program)) {
      const { stdout } = await runCli([...path, "--help"]);
      for (const [, line = ""] of stdout.matchAll(/^ {2}\$ (.*)$/gm)) {
        const [, words = ""] = /\bclaw ([^|#)]*)/.exec(line) ?? [];
        let command: Program = program;
        for (const word of words.split(" ")) {
          command = command.commands.find((sub) => sub.name() === word) ?? command;
          if (/^(-[a-z]|--[a-z].*)$/.test(word)) {
            const known = command.options.some((option) => option.short === word || option.long === word);
            expect(known, `${line}: ${word}`).toBe(true);
          }
        }
        expect(command, line).not.toBe(program);
      }
    }
  });
});
