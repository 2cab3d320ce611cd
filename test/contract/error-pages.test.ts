import { readdir, readFile } from "node:fs/promises";
import { describe, it } from "vitest";
import { errorCatalogue } from "../../sdk/contract/index.ts";

const folder = new URL("../../docs/errors/", import.meta.url);

describe("docs/errors", () => {
  it("has a page for every code of the catalogue and no other", async ({ expect }) => {
    const pages = await readdir(folder);
    expect(pages.sort()).toEqual(
      Object.keys(errorCatalogue)
        .map((code) => `${code}.md`)
        .sort(),
    );
  });

  for (const [code, { title, status, retryable }] of Object.entries(errorCatalogue)) {
    it(`says of ${code} what the service answers, and what to do`, async ({ expect }) => {
      const page = await readFile(new URL(`${code}.md`, folder), "utf8");
      expect(page).toMatch(new RegExp(`^# ${title}\n\nCode \`${code}\` · status ${status} · `));
      expect(page.includes("the same request may succeed later")).toBe(retryable);
      expect(page).toMatch(/\n## What to do\n\n\S/);
    });
  }
});
