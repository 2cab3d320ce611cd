import { readdir, readFile } from "node:fs/promises";
import { describe, it } from "vitest";
import { parse } from "yaml";
import { customResourceDefinitions } from "../../sdk/contract/index.ts";

const folder = new URL("../../deploy/crds/", import.meta.url);

describe("deploy/crds", () => {
  it("is what the contract says; `node deploy/write-crds.ts` writes it again", async ({ expect }) => {
    const files = await readdir(folder);
    const committed = await Promise.all(files.sort().map(async (file) => parse(await readFile(new URL(file, folder), "utf8"))));
    const byName = (a: Record<string, unknown>, b: Record<string, unknown>) =>
      JSON.stringify(a["metadata"]) < JSON.stringify(b["metadata"]) ? -1 : 1;
    expect(committed).toEqual(JSON.parse(JSON.stringify(customResourceDefinitions())).sort(byName));
  });
});
