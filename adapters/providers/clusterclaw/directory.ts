import { chmod, stat } from "node:fs/promises";
import { isAbsolute, normalize } from "node:path";
import { z } from "zod";
import { ProvisionReason } from "../../../sdk/contract/index.ts";
import { inClawFolder, removeClawFolder } from "../../confinement/claw-folder.ts";
import type { ResourceType } from "./resource-type.ts";

const DirectorySchema = z.strictObject({
  path: z
    .string()
    .refine(isAbsolute, "must be an absolute path")
    .refine((path) => normalize(path) === path && path.split("/").length > 2, "must be a normal path below a top-level folder"),
  /** Permission bits in octal: `0700`. */
  mode: z.string().regex(/^0?[0-7]{3}$/, "must be permission bits such as '0700'"),
  /** What deleting the resource does to the folder. */
  deletion: z.enum(["retain", "delete"]),
});
type DirectoryInputs = z.infer<typeof DirectorySchema>;

/** A folder of the host. */
export const directoryType: ResourceType<DirectoryInputs> = {
  schema: DirectorySchema,
  replaceOn: ["path"],
  // A folder that was given up, then wanted again before it was deleted, would be deleted when it is wanted.
  deleteBeforeReplace: true,
  idOf: (inputs) => String(inputs["path"]),
  plan: (inputs) => inputs,
  async create(inputs) {
    await ensureDirectory(inputs);
    return inputs;
  },
  async read(inputs) {
    const info = await stat(inputs.path).catch(() => undefined);
    if (!info?.isDirectory()) {
      return undefined;
    }
    const actual = info.mode & 0o777;
    const mode = actual === Number.parseInt(inputs.mode, 8) ? inputs.mode : `0${actual.toString(8).padStart(3, "0")}`;
    return { inputs: { ...inputs, mode }, outputs: { ...inputs, mode } };
  },
  async update(_olds, news) {
    await ensureDirectory(news);
    return news;
  },
  async delete(inputs) {
    if (inputs.deletion === "delete") {
      await removeClawFolder(inputs.path);
    }
  },
};

async function ensureDirectory({ path, mode }: DirectoryInputs): Promise<void> {
  // The umask does not count, nor the mode that an existing folder has.
  await inClawFolder(path, true, (folder) => chmod(folder, Number.parseInt(mode, 8))).catch((err: NodeJS.ErrnoException) => {
    const [reason, fix] =
      err.code === "ENOSPC" ? [ProvisionReason.DiskFull, "; free space on that disk"] : [ProvisionReason.FolderUnavailable, ""];
    throw new Error(`${reason}: the folder '${path}' can't be made: ${err.message}${fix}`, { cause: err });
  });
}
