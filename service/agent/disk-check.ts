import { createHash } from "node:crypto";
import { lstat, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { inFolderThere } from "../../adapters/confinement/claw-files.ts";
import { readClawFile } from "../../adapters/confinement/claw-folder.ts";
import type { AgentStatus, ConfigView } from "../../sdk/contract/index.ts";
import { pathBelow } from "../../sdk/contract/paths.ts";
import type { AttendedClaw, StoredFiles } from "./attended-claw.ts";

const LOOK_MS = 1_000;

/** A file as it is found in a config directory. */
interface Found {
  readonly content: string | undefined;
  readonly changedAt?: string;
  readonly by?: string;
}

export function textDigest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/**
 * Looks whether config files are still as they were stored, and makes it part of the status. A look costs a few calls of the system: files are read
 * only when they are others than before.
 */
export function watchDisk(claw: AttendedClaw): void {
  let last = "";
  let held = "";
  const look = async () => {
    const { files } = claw;
    if (!files) {
      return;
    }
    const marks = await Promise.all(Object.keys(files.digests).map((path) => markOf(pathBelow(files.dir, path))));
    const state = JSON.stringify([marks, files.digests]);
    if (state === last) {
      return;
    }
    // What was seen for a moment may be half a delivery: files are stored before what says so.
    if (state !== held) {
      held = state;
      if (last !== "") {
        return;
      }
    }
    last = state;
    const { disk } = await readDisk(files);
    claw.tellDisk(disk);
  };
  const again = () => {
    look()
      .catch(() => undefined)
      .finally(() => setTimeout(again, LOOK_MS).unref());
  };
  again();
}

async function markOf(path: string): Promise<readonly number[]> {
  const info = await lstat(path).catch(() => undefined);
  return info ? [info.ino, info.size, info.mtimeMs, info.ctimeMs] : [];
}

/** What stands in the config files now. */
export async function readDisk(
  files: StoredFiles,
): Promise<Pick<ConfigView, "files"> & { readonly disk: NonNullable<AgentStatus["disk"]> }> {
  const altered: ConfigView["files"] = [];
  const contents: string[] = [];
  for (const [path, digest] of Object.entries(files.digests).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const found = await readAt(files.dir, path);
    const is = found.content === undefined ? "" : textDigest(found.content);
    contents.push(is);
    if (is !== digest) {
      const { content, ...rest } = found;
      altered.push({ path, ...(content !== undefined && { content }), ...rest });
    }
  }
  // Of files that are all as they were stored nothing is told anew with each delivery.
  const digest = altered.length === 0 ? "" : textDigest(contents.join(" "));
  return { files: altered, disk: { digest, altered: altered.map(({ path }) => path) } };
}

async function readAt(dir: string, path: string): Promise<Found> {
  const target = pathBelow(dir, path);
  const found = await inFolderThere(dirname(target), async (folder): Promise<Found> => {
    const [content, info, owner] = await Promise.all([
      readClawFile(join(folder, basename(target))),
      lstat(join(folder, basename(target))).catch(() => undefined),
      stat(folder),
    ]);
    return {
      content,
      ...(info && { changedAt: info.mtime.toISOString(), by: info.uid === owner.uid ? "its own user" : `the user ${info.uid}` }),
    };
  }).catch(() => undefined);
  return found ?? { content: undefined };
}
