import { execFileSync } from "node:child_process";
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join, relative } from "node:path";
import { sandboxArguments } from "./sandbox.ts";
import { closedFolder, type HostUser, idRange, ownerFolder, userOf } from "./tenant-user.ts";

/** What keeps the claws of a host away from the control plane and from one another. */
export type Confinement =
  /** Each owner's run as a Unix user of their own. */
  | { readonly kind: "user" }
  /** They run as we do, in a sandbox that shows them their own folders. */
  | { readonly kind: "sandbox"; readonly bwrap: string }
  /** Nothing: they can do what we can. */
  | { readonly kind: "none"; readonly why: string; readonly fix: string };

/** One claw on its host: the folders that are its own, and those that it is to see besides. */
export interface ConfinedClaw {
  readonly hostDir: string;
  readonly dataDir: string;
  /** Its own, `dataDir` among them. */
  readonly own: readonly string[];
  readonly tmpDir: string;
  readonly readable: readonly string[];
}

/** How a program is started inside. */
export interface Entry {
  readonly command: string;
  readonly args: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
}

const RECORD = "confinement.json";

/**
 * How claws of a host are confined. A host that has once confined them goes on so: when it can't any more, they don't start, rather than
 * start without.
 */
export function confinementOf(hostDir: string): Confinement {
  const file = join(hostDir, RECORD);
  const known = readRecord(file);
  const isRoot = process.getuid?.() === 0;
  if (known && (known.kind === "user") === isRoot) {
    return known;
  }
  const found = findConfinement(hostDir);
  if (found.kind !== "none") {
    writeFileSync(file, JSON.stringify(found), { mode: 0o600 });
  }
  return found.kind === "none" && known ? known : found;
}

function readRecord(file: string): Confinement | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Confinement;
  } catch {
    return undefined;
  }
}

/** How they would be confined if they never were yet. @param hostDir a folder that there is */
export function findConfinement(hostDir: string): Confinement {
  const none = (why: string, fix: string) => ({ kind: "none", why, fix }) as const;
  if (process.platform !== "linux") {
    return none("claws are confined on Linux only", "run the service on Linux, or place on a cluster");
  }
  if (process.getuid?.() !== 0) {
    const bwrap = findBubblewrap();
    const fix = "install bubblewrap and allow unprivileged user namespaces, run the service as root, or place on a cluster";
    return bwrap === undefined ? none("bubblewrap ('bwrap') is missing or may not make namespaces", fix) : { kind: "sandbox", bwrap };
  }
  if (!idRange()) {
    return none("the service has too few user ids to give any away", "give its container 65,536 ids, or place on a cluster");
  }
  for (const [what, path] of [
    ["Node.js", realpathSync(process.execPath)],
    ["the data folder", join(realpathSync(hostDir))],
  ] as const) {
    const closed = closedFolder(path);
    if (closed !== undefined) {
      const fix = `put it where others may pass, such as ${what === "Node.js" ? "/opt" : "/var/lib (CLAW_DATA_DIR)"}, or open that folder for passing (chmod o+x)`;
      return none(`${what} (${path}) is in '${closed}', which is closed to other users`, fix);
    }
  }
  return { kind: "user" };
}

function findBubblewrap(): string | undefined {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter).filter((entry) => entry.startsWith("/"))) {
    const bwrap = join(folder, "bwrap");
    try {
      accessSync(bwrap, constants.X_OK);
      const view = { writable: [], readable: [], tmpDir: "/var", cwd: "/", isSession: true };
      execFileSync(bwrap, [...sandboxArguments(view), "/bin/sh", "-c", "exit 0"], { stdio: "ignore", timeout: 10_000 });
      return bwrap;
    } catch {
      // Not there, or not allowed: another one may be.
    }
  }
  return undefined;
}

/**
 * Makes the folders of a claw, and makes them its own: what an earlier version of this program left there too.
 * @throws when something that it needs can't be reached
 */
export function prepareFolders(confinement: Confinement, claw: ConfinedClaw): void {
  const { hostDir, own } = claw;
  // One within another is in the claw's own hands: what is on the way to it may be a link of the claw's.
  const inner = own.filter((dir) => own.some((other) => dir.startsWith(`${other}/`)));
  const outer = own.filter((dir) => !inner.includes(dir));
  for (const dir of outer) {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  }
  if (confinement.kind !== "user") {
    for (const dir of inner) {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
    }
    return;
  }
  const owner = ownerFolder(hostDir, claw.dataDir);
  const user = userOf(owner);
  chmodSync(hostDir, (statSync(hostDir).mode & 0o777) | 0o011);
  const passed = new Set(outer.flatMap((dir) => foldersBetween(hostDir, dir)));
  for (const folder of passed) {
    openFor(user, folder, dirname(folder) === hostDir);
  }
  for (const dir of outer) {
    // Whatever is in it is changed before it is itself: one that is seen to be its user's is so as a whole.
    if (lstatSync(dir).uid !== user.uid) {
      giveTo(dir, user);
    }
  }
  for (const dir of inner) {
    execFileSync("mkdir", ["-p", "-m", "0700", dir], { ...user, stdio: "ignore" });
  }
  for (const path of claw.readable) {
    const whole = realpathSync(path);
    const isSocket = statSync(whole).isSocket();
    const closed = closedFolder(isSocket ? whole : join(whole, "any"));
    if (closed !== undefined) {
      throw new Error(
        `NotReachable: its user can't reach '${path}': the folder '${closed}' is closed to others; open it for passing (chmod o+x '${closed}')`,
      );
    }
    // Whoever may write to a socket may connect to it.
    if (isSocket && (statSync(whole).mode & 0o002) === 0) {
      throw new Error(
        `NotReachable: its user can't connect to '${path}'; open it for others (chmod o+w '${whole}'), or use an address of TCP`,
      );
    }
  }
}

/** Others may pass the folders that all owners share, and an owner's user those of that owner. */
function openFor({ gid }: HostUser, folder: string, isShared: boolean): void {
  const { mode, uid: holder, gid: group } = lstatSync(folder);
  if (isShared) {
    chmodSync(folder, (mode & 0o777) | 0o011);
    return;
  }
  if (group !== gid) {
    chownSync(folder, holder, gid);
  }
  if ((mode & 0o777) !== 0o710) {
    chmodSync(folder, 0o710);
  }
}

function foldersBetween(top: string, path: string): string[] {
  const above = dirname(path);
  return relative(top, above) === "" || relative(top, above).startsWith("..") ? [] : [...foldersBetween(top, above), above];
}

/** Links themselves change hands, never what they lead to. */
export function giveTo(path: string, user: HostUser): void {
  if (lstatSync(path).isDirectory()) {
    for (const name of readdirSync(path)) {
      giveTo(join(path, name), user);
    }
  }
  lchownSync(path, user.uid, user.gid);
}

/** How a program of the claw is started where the claw is confined. @param isSession whether it is somebody's terminal rather than the claw */
export function enter(confinement: Confinement, claw: ConfinedClaw, command: string, args: readonly string[], isSession = false): Entry {
  switch (confinement.kind) {
    case "none":
      return { command, args };
    case "user":
      return { command, args, ...userOf(ownerFolder(claw.hostDir, claw.dataDir)) };
    case "sandbox": {
      const { own: writable, readable, tmpDir, dataDir: cwd } = claw;
      return { command: confinement.bwrap, args: [...sandboxArguments({ writable, readable, tmpDir, cwd, isSession }), command, ...args] };
    }
  }
}
