import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { type FileHandle, lchown, mkdir, open, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
const FILE_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Does something in a folder that a claw may write to, and follows no link on the way: a claw that put one there would have us read and
 * write where it can't. `use` gets a path that leads to the very folder, wherever its name leads by then.
 * @param make whether it is made when it is not there; as whoever owns the one that it is in
 */
export async function inClawFolder<T>(path: string, make: boolean, use: (folder: string) => Promise<T>): Promise<T> {
  if (process.platform !== "linux") {
    await (make ? mkdir(path, { recursive: true, mode: 0o700 }) : undefined);
    return use(path);
  }
  const root = rootOf(path);
  if (make) {
    await mkdir(root, { recursive: true, mode: 0o700 });
  }
  let folder = await open(root, O_RDONLY | O_DIRECTORY);
  try {
    for (const name of path.slice(root.length).split("/").filter(Boolean)) {
      const next = await step(folder, name, make).catch((error: NodeJS.ErrnoException) => {
        throw error.code === "ELOOP" || error.code === "ENOTDIR"
          ? new Error(`'${name}' on the way to '${path}' is no folder but a link or a file`)
          : error;
      });
      await folder.close();
      folder = next;
    }
    return await use(own(folder));
  } finally {
    await folder.close();
  }
}

/** What no claw can have put a link into: its instance's folder, which is ours. */
function rootOf(path: string): string {
  return /^.*?\/tenants\/[^/]+\/[^/]+(?=\/)/.exec(path)?.[0] ?? path;
}

const own = ({ fd }: FileHandle) => `/proc/self/fd/${fd}`;

async function step(folder: FileHandle, name: string, make: boolean): Promise<FileHandle> {
  const path = join(own(folder), name);
  const enter = () => open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    return await enter();
  } catch (error) {
    if (!make || (error as NodeJS.ErrnoException).code !== "ENOENT") {
      throw error;
    }
  }
  await mkdir(path, { mode: 0o700 });
  await giveToOwner(own(folder), path);
  return enter();
}

/** What is made in a folder belongs to whom the folder does, where we may give it away. */
export async function giveToOwner(folder: string, path: string): Promise<void> {
  if (process.getuid?.() === 0) {
    const { uid, gid } = await stat(folder);
    await lchown(path, uid, gid);
  }
}

/** The text of a regular file; undefined where there is none. */
export async function readClawFile(path: string): Promise<string | undefined> {
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(() => undefined);
  try {
    const info = await file?.stat();
    return info?.isFile() && info.size <= FILE_BYTES_MAX ? await file?.readFile("utf8") : undefined;
  } finally {
    await file?.close();
  }
}

/** Removes a folder with all that is in it: by rm(1), which goes by open folders and not by names that a claw may change meanwhile. */
export async function removeClawFolder(path: string): Promise<void> {
  await inClawFolder(dirname(path), false, (folder) =>
    promisify(execFile)("rm", ["-rf", "--", `./${basename(path)}`], { cwd: folder }).then(() => undefined),
  ).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") {
      throw error;
    }
  });
}
