import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { it } from "vitest";

const folder = join(import.meta.dirname, "../../../sdk/client");

// A browser or a script that imports the client gets the client alone: no zod, no Node modules.
it("imports nothing at run time but its own files", async ({ expect }) => {
  for (const file of await readdir(folder)) {
    const source = await readFile(join(folder, file), "utf8");
    const imported = [...source.matchAll(/^(?:import|export)\s+(?!type\b)[^;]*?\sfrom\s+"([^"]+)"/gm)].map(([, from = ""]) => from);
    expect(
      imported.filter((from) => !/^\.\/[a-z-]+\.ts$/.test(from)),
      file,
    ).toEqual([]);
  }
});
