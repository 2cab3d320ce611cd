import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "vitest";
import { agentReasons, clusterReasons, conditionReasons, eventReasons, podReasons, provisionReasons } from "../../sdk/contract/index.ts";

const root = join(import.meta.dirname, "../..");
const known = new Set(
  [agentReasons, clusterReasons, conditionReasons, eventReasons, podReasons, provisionReasons].flatMap((names) => Object.keys(names)),
);

/** The lines of our sources that `isWrong` finds, with their places. */
function linesOf(pattern: string, isWrong: (line: string) => boolean): string[] {
  return globSync(pattern, { cwd: root }).flatMap((file) =>
    readFileSync(join(root, file), "utf8")
      .split("\n")
      .flatMap((line, index) => (isWrong(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  );
}

const spellsReason = (line: string) => [...line.matchAll(/\breason(?::| [!=]==) "(\w+)"/g)].some(([, name = ""]) => known.has(name));
const isBanner = (line: string) => /^\s*(\/\/|\*|\/\*)\s*[-=*#—]{3,}/.test(line);

describe("the sources", () => {
  it("name the reasons of the contract by their constants", ({ expect }) => {
    expect(spellsReason('return { reason: "CrashLoop", message };')).toBe(true);
    expect(spellsReason('if (status.reason !== "CrashLoop") {')).toBe(true);
    expect(spellsReason('return causes.find(({ reason }) => reason === "ExitCode");')).toBe(false);
    expect(linesOf("{service,adapters,sdk/cli,sdk/client}/**/*.ts", spellsReason)).toEqual([]);
  });

  it("have comments that say something, and no banners", ({ expect }) => {
    expect(isBanner("  // --- places ----------")).toBe(true);
    expect(isBanner("/** What stands at a path. */")).toBe(false);
    expect(linesOf("{service,adapters,sdk,components,stacks,deploy,test}/**/*.{ts,mjs}", isBanner)).toEqual([]);
  });
});
