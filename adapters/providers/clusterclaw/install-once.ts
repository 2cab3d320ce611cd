import { chmod, mkdir, mkdtemp, open, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isDirectory } from "./is-directory.ts";

const LOCK_HEARTBEAT_MS = 2_000;
const LOCK_STALE_MS = 20_000;
const LOCK_POLL_MS = 250;

export interface Installation {
  /** Where the installed tree is to stand. It appears whole or not at all. */
  readonly dir: string;
  /** Puts it into a folder that is there and empty. */
  fill(draft: string): Promise<void>;
  /** Does what remains to be done with the tree, and checks it: before it is moved there, and with one that stands there. */
  complete(path: string): Promise<unknown>;
}

/** Installs something; of several processes that want the same, one does the work. */
export async function installOnce({ dir, fill, complete }: Installation, signal: AbortSignal | undefined): Promise<void> {
  const parent = dirname(dir);
  await mkdir(parent, { recursive: true, mode: 0o755 });
  const release = await lock(`${dir}.lock`, signal);
  try {
    if (await isDirectory(dir)) {
      await complete(dir);
      return;
    }
    const draftPrefix = `.${basename(dir)}-`;
    // Holding the lock, one that lies there is of an installer that died.
    const stale = (await readdir(parent)).filter((name) => name.startsWith(draftPrefix));
    await Promise.all(stale.map((name) => rm(join(parent, name), { recursive: true, force: true })));
    const draft = await mkdtemp(join(parent, draftPrefix));
    try {
      // All of the host's claws read it, each as a user of its own.
      await chmod(draft, 0o755);
      await fill(draft);
      await complete(draft);
      await rename(draft, dir);
    } finally {
      await rm(draft, { recursive: true, force: true, maxRetries: 3 });
    }
  } finally {
    await release();
  }
}

/** A lock file whose holder keeps touching it: one that nobody touches any more is taken over. */
async function lock(path: string, signal: AbortSignal | undefined): Promise<() => Promise<void>> {
  for (;;) {
    signal?.throwIfAborted();
    try {
      await (await open(path, "wx", 0o600)).close();
      const heartbeat = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => undefined), LOCK_HEARTBEAT_MS);
      return async () => {
        clearInterval(heartbeat);
        await rm(path, { force: true });
      };
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== "EEXIST") {
        throw err;
      }
    }
    const age = Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now());
    if (age > LOCK_STALE_MS) {
      await rm(path, { force: true });
    } else {
      await delay(LOCK_POLL_MS);
    }
  }
}
