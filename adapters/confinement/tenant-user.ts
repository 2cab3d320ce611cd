import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** An unprivileged user of the host that is in no list of users: a number is all that the kernel asks for. */
export interface HostUser {
  readonly uid: number;
  readonly gid: number;
}

/** Ids that nobody hands out: distributions' own ranges end before them, and the kernel's signed numbers after. */
const FIRST_ID = 1_879_048_192;
const IDS = 268_000_000;
/** Where the kernel lends us no more than 65,536 of them, as in a container with users of its own. */
const FIRST_LENT_ID = 20_000;
const LENT_IDS = 40_000;

/** Folders of a host below which each folder has an owner. */
const TENANTS = "tenants";
/** Homes of programs that run once. */
export const RUNS = "runs";

/** The ids that this process may give away; undefined when the kernel gives it too few. */
export function idRange(): { readonly first: number; readonly count: number } | undefined {
  const lent = Math.min(...["/proc/self/uid_map", "/proc/self/gid_map"].map(lentIds));
  if (lent > FIRST_ID + IDS) {
    return { first: FIRST_ID, count: IDS };
  }
  return lent >= FIRST_LENT_ID + LENT_IDS ? { first: FIRST_LENT_ID, count: LENT_IDS } : undefined;
}

/** How many ids there are from 0 on. */
function lentIds(map: string): number {
  try {
    const fields = readFileSync(map, "utf8")
      .split("\n")
      .map((line) => line.trim().split(/\s+/).map(Number));
    return fields.find(([first]) => first === 0)?.[2] ?? 0;
  } catch {
    return 0;
  }
}

/** The folder of whoever owns an instance: the tenant's below the host's; the data folder itself where instances are kept in another way. */
export function ownerFolder(hostDir: string, dataDir: string): string {
  const [kind, tenant] = relative(hostDir, dataDir).split("/");
  return kind === TENANTS && tenant !== undefined && tenant !== "" ? join(hostDir, TENANTS, tenant) : dataDir;
}

/**
 * The user that a folder's claws run as: the same as long as the folder is there, which has it as its group. A new one is drawn from the
 * range by the folder's own path, and is none that a neighbour has.
 */
export function userOf(folder: string): HostUser {
  const range = idRange();
  if (!range) {
    throw new Error("this kernel lends too few user ids");
  }
  const { first, count } = range;
  const known = statSync(folder, { throwIfNoEntry: false })?.gid ?? 0;
  if (known >= first && known < first + count) {
    return { uid: known, gid: known };
  }
  const taken = new Set(neighbours(folder).map((path) => lstatSync(path, { throwIfNoEntry: false })?.gid));
  let id = first + (createHash("sha256").update(folder).digest().readUInt32BE(0) % count);
  while (taken.has(id)) {
    id = first + ((id - first + 1) % count);
  }
  return { uid: id, gid: id };
}

/** Those beside it, and all others of its host that have owners. */
function neighbours(folder: string): string[] {
  const above = dirname(folder);
  return [above, ...[TENANTS, RUNS].map((name) => join(dirname(above), name))].flatMap((dir) => {
    try {
      return readdirSync(dir).map((name) => join(dir, name));
    } catch {
      return [];
    }
  });
}

/** The first folder on the way to a path that is closed to others; undefined when anybody may pass. */
export function closedFolder(path: string): string | undefined {
  const above = dirname(path);
  if (above === path) {
    return undefined;
  }
  return closedFolder(above) ?? ((statSync(above).mode & 0o001) === 0 ? above : undefined);
}
