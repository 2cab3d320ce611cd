import { randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

const DRAFT = /\.[0-9a-f]{12}\.new$/;

/** Where a file's new content is written before it takes the file's place: a name that no two writers share. */
export function draftOf(path: string): string {
  return `${path}.${randomBytes(6).toString("hex")}.new`;
}

/** Removes what writers of a file left that were killed: it may hold secrets. One that writes still, having lost its stack, has to begin again. */
export async function removeDrafts(path: string): Promise<void> {
  const folder = dirname(path);
  const names = await readdir(folder);
  const drafts = names.filter((name) => DRAFT.test(name) && name.replace(DRAFT, "") === basename(path));
  await Promise.all(drafts.map((name) => rm(join(folder, name), { force: true })));
}
