import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { chmod, mkdir, readFile, stat } from "node:fs/promises";
import path from "node:path";

/** Whom the server runs as when we are root: PostgreSQL refuses to run as root, and rightly. */
export interface ServerUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Where a root-run service keeps what the unprivileged user must reach, when its own data folder is closed to others. */
const ROOT_STATE_DIR = "/var/lib/open-cluster-claw";

/** The user to drop to; undefined when we are not root and run it as ourselves. */
export async function findServerUser(): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) {
    return undefined;
  }
  // It must have an entry: initdb looks its own user's name up.
  const users = (await readFile("/etc/passwd", "utf8")).split("\n").map((line) => line.split(":"));
  for (const wanted of ["postgres", "nobody", "daemon"]) {
    const [name, , uid, gid] = users.find(([user]) => user === wanted) ?? [];
    if (name !== undefined && Number(uid) > 0) {
      return { name, uid: Number(uid), gid: Number(gid) };
    }
  }
  throw new Error("PostgreSQL can't run as root, and there is no user 'postgres', 'nobody' or 'daemon'; set CLAW_DATABASE_URL instead");
}

/**
 * The folder, made if need be, or one under /var/lib that stands for it: a user that we drop to can't pass a parent that is
 * closed to others, such as /root.
 */
export async function reachableFolder(folder: string, user: ServerUser | undefined): Promise<string> {
  const wanted = path.resolve(folder);
  await mkdir(wanted, { recursive: true });
  if (!user || (await canEnter(wanted, user))) {
    return wanted;
  }
  const standIn = standInOf(wanted);
  await mkdir(standIn, { recursive: true });
  await chmod(ROOT_STATE_DIR, 0o755);
  await chmod(standIn, 0o755);
  if (!(await canEnter(standIn, user))) {
    throw new Error(
      `user '${user.name}', as which PostgreSQL must run, can enter neither ${wanted} nor ${standIn}; choose another data folder`,
    );
  }
  return standIn;
}

/** The one of {@link reachableFolder} that is there already; the folder itself where none is. */
export async function reachedFolder(folder: string, user: ServerUser | undefined): Promise<string> {
  const wanted = path.resolve(folder);
  const isReached = user === undefined || (await canEnter(wanted, user).catch(() => false));
  return isReached ? wanted : standInOf(wanted);
}

function standInOf(wanted: string): string {
  return path.join(ROOT_STATE_DIR, `${path.basename(wanted)}-${createHash("sha256").update(wanted).digest("hex").slice(0, 12)}`);
}

/** Whether the user may pass every folder from the root down to this one. */
export async function canEnter(folder: string, user: ServerUser): Promise<boolean> {
  const { mode, uid, gid } = await stat(folder);
  const bit = uid === user.uid ? constants.S_IXUSR : gid === user.gid ? constants.S_IXGRP : constants.S_IXOTH;
  const parent = path.dirname(folder);
  return (mode & bit) !== 0 && (parent === folder || (await canEnter(parent, user)));
}
