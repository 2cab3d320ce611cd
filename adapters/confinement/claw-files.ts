import { lstat, open, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pathBelow } from "../../sdk/contract/paths.ts";
import { ProvisionReason } from "../../sdk/contract/reasons.ts";
import { giveToOwner, inClawFolder, readClawFile } from "./claw-folder.ts";
import { draftOf, removeDrafts } from "./drafts.ts";

/** Writes a claw's files, path below `dir` → content, each so that a reader sees the old or the new one. @throws with a CamelCase reason and what to do */
export async function writeFiles(dir: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const target = pathBelow(dir, path);
    await inClawFolder(dirname(target), true, (folder) => writeFile(join(folder, basename(target)), folder, content)).catch(
      (err: NodeJS.ErrnoException) => {
        const [reason, fix] =
          err.code === "ENOSPC" ? [ProvisionReason.DiskFull, "; free space on that disk"] : [ProvisionReason.FileNotWritable, ""];
        throw new Error(`${reason}: the config file '${target}' can't be written: ${err.message}${fix}`, { cause: err });
      },
    );
  }
}

async function writeFile(target: string, folder: string, content: string): Promise<void> {
  await removeDrafts(target);
  // An equal file is left alone: claws watch their files.
  if ((await readClawFile(target)) === content && ((await lstat(target)).mode & 0o777) === 0o600) {
    return;
  }
  const draft = draftOf(target);
  try {
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await giveToOwner(folder, draft);
    await rename(draft, target);
  } catch (err) {
    await rm(draft, { force: true });
    throw err;
  }
}

/** Removes the files, and the sub-folders that become empty. */
export async function removeFiles(dir: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const target = pathBelow(dir, path);
    await inFolderThere(dirname(target), async (folder) => {
      await rm(join(folder, basename(target)), { force: true });
      await removeDrafts(join(folder, basename(target)));
    });
    for (let parent = dirname(path); parent !== "."; parent = dirname(parent)) {
      const emptied = pathBelow(dir, parent);
      await inFolderThere(dirname(emptied), (folder) => rmdir(join(folder, basename(emptied))).catch(() => undefined));
    }
  }
}

/** Undefined where there is no such folder. */
export async function inFolderThere<T>(path: string, use: (folder: string) => Promise<T>): Promise<T | undefined> {
  return inClawFolder(path, false, use).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") {
      return undefined;
    }
    throw error;
  });
}
