import { existsSync } from "node:fs";
import { glob, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const documents = ["README.md", "CONTRIBUTING.md"];
for await (const file of glob("docs/**/*.md", { cwd: root })) {
  documents.push(file);
}
const { scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { scripts: Record<string, string> };

describe("documents", () => {
  for (const document of documents) {
    it(`lead somewhere: ${document}`, async ({ expect }) => {
      const text = await readFile(join(root, document), "utf8");
      const links = [...text.matchAll(/\]\(([^)#]+)(#[^)]*)?\)/g)].map((match) => match[1] ?? "").filter((link) => !link.includes("://"));
      expect(links.filter((link) => !existsSync(join(root, dirname(document), link)))).toEqual([]);
    });

    it(`say of every command whether a test runs it: ${document}`, async ({ expect }) => {
      const text = await readFile(join(root, document), "utf8");
      const blocks = [...text.matchAll(/(?:<!-- (.+) -->\n\n)?```sh\n/g)].map(([, note]) => note);
      const page = /The commands of this\s+page are ([^:]+)/.exec(text)?.[1];
      for (const note of blocks) {
        const says = note ?? page ?? "";
        expect(says).toMatch(/\bnot run\b|\brun\b[^`]*\bby `?test\//);
        const runner = /\btest\/\S+\.ts/.exec(says)?.[0];
        if (runner !== undefined) {
          expect(await readFile(join(root, runner), "utf8"), runner).toContain(document);
        }
      }
    });

    it(`name npm scripts that exist: ${document}`, async ({ expect }) => {
      const text = await readFile(join(root, document), "utf8");
      const named = [...text.matchAll(/npm run ([a-z:-]+)/g)].map((match) => match[1] ?? "");
      expect(named.filter((name) => !(name in scripts))).toEqual([]);
    });
  }
});
