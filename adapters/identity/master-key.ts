import { randomBytes, randomUUID } from "node:crypto";
import { link, mkdir, open, readFile, stat, unlink } from "node:fs/promises";
import path from "node:path";

const KEY_BYTES = 32;

/**
 * The master key of a data folder, made at the first call. Of several processes that make it at once all get the same one, and one that
 * is killed leaves no half of a key: losing it would lose every stored secret.
 */
export async function loadMasterKey(dataDir: string): Promise<Uint8Array> {
  const file = path.join(dataDir, "master.key");
  return (await readKey(file)) ?? (await createKey(file));
}

async function readKey(file: string): Promise<Uint8Array | undefined> {
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
  const key = Buffer.from(text.trim(), "base64");
  if (key.length !== KEY_BYTES) {
    throw new Error(`${file} does not hold a master key (${KEY_BYTES} bytes in base64); restore it from a backup`);
  }
  return key;
}

async function createKey(file: string): Promise<Uint8Array> {
  await mkdir(path.dirname(file), { recursive: true });
  const staged = `${file}.${randomUUID()}`;
  try {
    const handle = await open(staged, "wx", 0o600);
    try {
      await handle.writeFile(`${randomBytes(KEY_BYTES).toString("base64")}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // A link, not a rename: it never replaces the key of whoever was faster.
    await link(staged, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") {
        throw error;
      }
    });
  } finally {
    await unlink(staged).catch(() => undefined);
  }
  const key = await readKey(file);
  if (!key) {
    throw new Error(`${file} vanished while it was being made`);
  }
  return key;
}
