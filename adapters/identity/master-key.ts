import { randomBytes, randomUUID } from "node:crypto";
import { link, mkdir, open, readdir, readFile, rename, stat, unlink } from "node:fs/promises";
import path from "node:path";

const KEY_BYTES = 32;
/** Writing one takes no time: what is older belongs to somebody who was killed. */
const STAGED_MS = 60_000;

/**
 * The master keys of a data folder, newest first; one is made at the first call. Of several processes that make it at once all get the same
 * one, and one that is killed leaves no half of a key: losing it would lose every stored secret.
 */
export async function loadMasterKeys(dataDir: string): Promise<readonly Uint8Array[]> {
  const file = masterKeyFile(dataDir);
  return (await readKeys(file)) ?? (await createKey(file));
}

/** Those that are there; undefined before the first is made. What somebody who was killed left half-way goes: nothing is wrapped by it. */
export async function findMasterKeys(dataDir: string): Promise<readonly Uint8Array[] | undefined> {
  const file = masterKeyFile(dataDir);
  await removeStaged(file);
  return readKeys(file);
}

/** What a start would find, in words. @throws when it could not use it */
export async function probeMasterKeys(dataDir: string): Promise<string> {
  const file = masterKeyFile(dataDir);
  const keys = await readKeys(file);
  return keys ? `${file}, which its owner alone may read` : `${file}, which will be made`;
}

/** Puts a new key before the others. */
export async function addMasterKey(dataDir: string): Promise<void> {
  const keys = [new Uint8Array(randomBytes(KEY_BYTES)), ...(await loadMasterKeys(dataDir))];
  await replaceKeys(masterKeyFile(dataDir), keys);
}

/** Drops the others. */
export async function keepMasterKeys(dataDir: string, isKept: (key: Uint8Array, index: number) => boolean): Promise<void> {
  const keys = await loadMasterKeys(dataDir);
  const kept = keys.filter(isKept);
  if (kept.length < keys.length) {
    await replaceKeys(masterKeyFile(dataDir), kept);
  }
}

/** Where the master keys of a data folder are. */
export const masterKeyFile = (dataDir: string) => path.join(dataDir, "master.key");

async function readKeys(file: string): Promise<readonly Uint8Array[] | undefined> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") {
      throw error;
    }
  });
  if (text === undefined) {
    return undefined;
  }
  if (((await stat(file)).mode & 0o077) !== 0) {
    throw new Error(`${file} may be read by others; close it (chmod 600), and rotate the key if somebody did`);
  }
  const keys = text
    .trim()
    .split("\n")
    .map((line) => new Uint8Array(Buffer.from(line.trim(), "base64")));
  if (keys.some(({ length }) => length !== KEY_BYTES)) {
    throw new Error(`${file} does not hold master keys (${KEY_BYTES} bytes in base64, one a line); restore it from a backup`);
  }
  return keys;
}

async function createKey(file: string): Promise<readonly Uint8Array[]> {
  await mkdir(path.dirname(file), { recursive: true });
  const staged = await stageKeys(file, [randomBytes(KEY_BYTES)]);
  try {
    // A link, not a rename: it never replaces the key of whoever was faster.
    await link(staged, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") {
        throw error;
      }
    });
  } finally {
    await unlink(staged).catch(() => undefined);
  }
  const keys = await readKeys(file);
  if (!keys) {
    throw new Error(`${file} vanished while it was being made`);
  }
  return keys;
}

async function replaceKeys(file: string, keys: readonly Uint8Array[]): Promise<void> {
  await rename(await stageKeys(file, keys), file);
  // The name too must outlive a power cut: what the new key wraps comes next.
  const folder = await open(path.dirname(file));
  await folder.sync().finally(() => folder.close());
}

const STAGED = /^master\.key\.[0-9a-f]{8}-[0-9a-f-]{27}$/;

async function removeStaged(file: string): Promise<void> {
  const folder = path.dirname(file);
  for (const name of (await readdir(folder).catch(() => [])).filter((name) => STAGED.test(name))) {
    const staged = path.join(folder, name);
    // Of several that start at once another may have removed it.
    const { mtimeMs } = await stat(staged).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > STAGED_MS) {
      await unlink(staged).catch(() => undefined);
    }
  }
}

/** @returns a file beside it that holds them, on the disk */
async function stageKeys(file: string, keys: readonly Uint8Array[]): Promise<string> {
  const staged = `${file}.${randomUUID()}`;
  const handle = await open(staged, "wx", 0o600);
  try {
    await handle.writeFile(keys.map((key) => `${Buffer.from(key).toString("base64")}\n`).join(""));
    await handle.sync();
  } finally {
    await handle.close();
  }
  return staged;
}
