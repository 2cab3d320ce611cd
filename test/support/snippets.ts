import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

/** A program that a guide shows. */
export interface Snippet {
  /** `sdk-3.ts`: the guide and the block's number. */
  readonly file: string;
  /** `docs/guides/sdk.md:41` */
  readonly source: string;
  readonly code: string;
}

const root = resolve(import.meta.dirname, "../..");

/** The `ts` blocks of a guide (`sdk` for `docs/guides/sdk.md`), in their order: each is a module of its own. */
export async function snippetsOf(guide: string): Promise<Snippet[]> {
  const source = `docs/guides/${guide}.md`;
  const text = await readFile(resolve(root, source), "utf8");
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(({ 1: code = "", index }, number) => ({
    file: `${guide}-${number + 1}.ts`,
    source: `${source}:${text.slice(0, index).split("\n").length}`,
    code,
  }));
}
