import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "vitest";

const root = join(import.meta.dirname, "../..");
/** The lines of our sources that `isWrong` finds, with their places. */
function linesOf(pattern: string, isWrong: (line: string) => boolean): string[] {
  return globSync(pattern, { cwd: root }).flatMap((file) =>
    readFileSync(join(root, file), "utf8")
      .split("\n")
      .flatMap((line, index) => (isWrong(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  );
}

const isBanner = (line: string) => /^\s*(\/\/|\*|\/\*)\s*[-=*#—]{3,}/.test(line);

describe("the sources", () => {
  it("have comments that say something, and no banners", ({ expect }) => {
    expect(isBanner("  // --- places ----------")).toBe(true);
    expect(isBanner("/** What stands at a path. */")).toBe(false);
    expect(linesOf("{service,adapters,sdk,components,stacks,deploy,test}/**/*.{ts,mjs}", isBanner)).toEqual([]);
  });
});
