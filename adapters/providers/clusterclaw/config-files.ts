import { lstat, open, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, isAbsolute, join } from "node:path";
import { z } from "zod";
import { ProvisionReason, pathBelow, RelativePathSchema } from "../../../sdk/contract/index.ts";
import { digestOf } from "../../../service/domain/digest.ts";
import { hasUnknowns, UNKNOWN_VALUE } from "../../engine/contract/values.ts";
import { giveToOwner, inClawFolder, readClawFile } from "./claw-folder.ts";
import { draftOf, removeDrafts } from "./drafts.ts";
import { isDirectory } from "./is-directory.ts";
import type { ResourceType } from "./resource-type.ts";

const ConfigFilesSchema = z.strictObject({
  dir: z.string().refine(isAbsolute, "must be an absolute path"),
  /** Relative path → content. */
  files: z.record(RelativePathSchema, z.string()),
});
type ConfigFilesInputs = z.infer<typeof ConfigFilesSchema>;

/** A claw's config files. Outputs add `digest`, which changes whenever a file does. */
export const configFilesType: ResourceType<ConfigFilesInputs> = {
  schema: ConfigFilesSchema,
  replaceOn: ["dir"],
  deleteBeforeReplace: true,
  idOf: (inputs) => String(inputs["dir"]),
  plan: (inputs) => ({ ...inputs, digest: hasUnknowns(inputs["files"]) ? UNKNOWN_VALUE : digestOf(inputs["files"]) }),
  async create(inputs) {
    await writeFiles(inputs);
    return outputsOf(inputs);
  },
  async read(inputs) {
    if (!(await isDirectory(inputs.dir))) {
      return undefined;
    }
    const files: Record<string, string> = {};
    for (const path of Object.keys(inputs.files)) {
      const target = pathBelow(inputs.dir, path);
      const content = await inFolderThere(dirname(target), (folder) => readClawFile(join(folder, basename(target)))).catch(() => undefined);
      if (content !== undefined) {
        files[path] = content;
      }
    }
    const actual = { ...inputs, files };
    return { inputs: actual, outputs: outputsOf(actual) };
  },
  async update(olds, news) {
    await writeFiles(news);
    await removeFiles(
      olds.dir,
      Object.keys(olds.files).filter((path) => news.files[path] === undefined),
    );
    return outputsOf(news);
  },
  async delete(inputs) {
    await removeFiles(inputs.dir, Object.keys(inputs.files));
  },
};

const outputsOf = (inputs: ConfigFilesInputs) => ({ ...inputs, digest: digestOf(inputs.files) });

async function writeFiles({ dir, files }: ConfigFilesInputs): Promise<void> {
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
async function removeFiles(dir: string, paths: readonly string[]): Promise<void> {
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
async function inFolderThere<T>(path: string, use: (folder: string) => Promise<T>): Promise<T | undefined> {
  return inClawFolder(path, false, use).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") {
      return undefined;
    }
    throw error;
  });
}
