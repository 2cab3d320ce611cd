import { basename, dirname, isAbsolute, join } from "node:path";
import { z } from "zod";
import { pathBelow, RelativePathSchema } from "../../../sdk/contract/index.ts";
import { digestOf } from "../../../service/domain/digest.ts";
import { inFolderThere, removeFiles, writeFiles } from "../../confinement/claw-files.ts";
import { readClawFile } from "../../confinement/claw-folder.ts";
import { hasUnknowns, UNKNOWN_VALUE } from "../../engine/contract/values.ts";
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
    await writeFiles(inputs.dir, inputs.files);
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
    await writeFiles(news.dir, news.files);
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
