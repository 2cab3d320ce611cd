import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, rename, rm, rmdir, stat } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { z } from "zod";
import { pathBelow, RelativePathSchema } from "../../../sdk/contract/index.ts";
import { digestOf } from "../../../service/domain/digest.ts";
import { hasUnknown, UNKNOWN } from "../properties.ts";
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
  plan: (inputs) => ({ ...inputs, digest: hasUnknown(inputs["files"]) ? UNKNOWN : digestOf(inputs["files"]) }),
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
      const content = await readOptional(pathBelow(inputs.dir, path));
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
    // An equal file is left alone: claws watch their files.
    if ((await readOptional(target)) !== content || ((await stat(target)).mode & 0o777) !== 0o600) {
      await replaceFile(target, content).catch((err: NodeJS.ErrnoException) => {
        const [reason, fix] = err.code === "ENOSPC" ? ["DiskFull", "; free space on that disk"] : ["FileNotWritable", ""];
        throw new Error(`${reason}: the config file '${target}' can't be written: ${err.message}${fix}`, { cause: err });
      });
    }
  }
}

async function replaceFile(target: string, content: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  const draft = `${target}.${randomBytes(6).toString("hex")}.new`;
  try {
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, target);
  } catch (err) {
    await rm(draft, { force: true });
    throw err;
  }
}

/** Removes the files, and the sub-folders that become empty. */
async function removeFiles(dir: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await rm(pathBelow(dir, path), { force: true });
    for (let parent = dirname(path); parent !== "."; parent = dirname(parent)) {
      await rmdir(join(dir, parent)).catch(() => undefined);
    }
  }
}

async function readOptional(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch(() => undefined);
}
