import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Option } from "@commander-js/extra-typings";
import { defineCommand } from "../command.ts";
import { CliError } from "../failure.ts";
import { parsePair, parseValue } from "../options.ts";
import type { View } from "../output/printer.ts";
import { ownProgram } from "../own-program.ts";

/** What `open-cluster-claw/adapter` calls `ClawTypeVerdict`: this program knows the client alone, and what tries types is a program of its own. */
interface Verdict {
  readonly rule: string;
  readonly result: "passed" | "failed" | "skipped";
  readonly detail: string;
}

const MARKS = { passed: ["green", "✔"], failed: ["red", "✖"], skipped: ["dim", "-"] } as const;

const view: View<Verdict> = { name: ({ rule }) => rule, columns: [] };

export const adapterTest = defineCommand({
  path: "adapter test",
  group: "This program",
  summary: "Hold a claw type to what the platform relies on, by running it on this machine",
  details:
    "Reads it, renders it, starts it with the agent that supervises claws, changes a key, restarts, kills and stops it. Nothing is sent to a control plane, and nothing is left behind but what --cache names. Exits with 1 when a rule does not hold.",
  examples: [
    "claw adapter test ./weather/claw-type.yaml",
    "claw adapter test ./weather --set city=Oslo --change city=Rome",
    "claw adapter test Echo -o json",
  ],
  syntax: (command) =>
    command
      .argument("<path>", "a manifest of kind ClawType, the folder of a claw-type.yaml, or the name of a type that comes with the product")
      .addOption(new Option("--set <key=value>", "a value that it is started with; repeatable").argParser(parsePair))
      .addOption(new Option("--change <key=value>", "the key that is changed while it runs, and its other value").argParser(parsePair))
      .addOption(new Option("--cache <folder>", "where software is installed, to be used again"))
      .addOption(new Option("-o, --output <format>", "print the verdicts as a document").choices(["json", "yaml"])),
  async run({ io, out, signal }, { set = {}, change = {}, cache, output }, path) {
    const at = resolve(io.cwd, path);
    const values = (pairs: Record<string, string>) =>
      JSON.stringify(Object.fromEntries(Object.entries(pairs).map(([key, value]) => [key, parseValue(value)])));
    const args = [existsSync(at) || /[/.]/.test(path) ? at : path, values(set), values(change)];
    const { lines, ended } = ownProgram({ io, signal }, "test-main", [...args, ...(cache === undefined ? [] : [resolve(io.cwd, cache)])]);
    const verdicts: Verdict[] = [];
    for await (const line of lines) {
      const verdict: Verdict = JSON.parse(line);
      verdicts.push(verdict);
      if (output === undefined) {
        const [color, mark] = MARKS[verdict.result];
        await out.line(`${out.paint(color, mark)} ${verdict.rule.padEnd(9)} ${verdict.detail}`);
      }
    }
    await ended;
    if (output !== undefined) {
      await out.items(verdicts, view, output);
    }
    const failed = verdicts.filter(({ result }) => result === "failed").map(({ rule }) => rule);
    if (failed.length > 0) {
      throw new CliError(`'${path}' does not hold: ${failed.join(", ")}`, {
        fix: "mend it, and try again; what comes after is tried then",
      });
    }
    out.note(`'${path}' holds what the platform relies on`);
  },
});
