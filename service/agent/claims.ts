import { linkSync, mkdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { isAlive, type ProcessIdentity, selfIdentity } from "./processes.ts";

/** A file that one process of this host holds at a time. It falls free when its holder dies. */
export interface Claim {
  release(): void;
}

function readHolder(path: string): { text: string; holder: ProcessIdentity } | undefined {
  try {
    const text = readFileSync(path, "utf8");
    return { text, holder: JSON.parse(text) as ProcessIdentity };
  } catch {
    return undefined;
  }
}

/** Takes the claim or answers undefined when another live process holds it. */
export function tryClaim(path: string): Claim | undefined {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const own = JSON.stringify(selfIdentity());
  const draft = `${path}.${process.pid}.draft`;
  writeFileSync(draft, own, { mode: 0o600 });
  try {
    // link(2) fails when the name exists, and never shows a half-written file.
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        linkSync(draft, path);
        return { release: () => releaseOwn(path, own) };
      } catch (err) {
        if ((err as NodeJS.ErrnoException).code !== "EEXIST") {
          throw err;
        }
      }
      const found = readHolder(path);
      if (found && isAlive(found.holder)) {
        return undefined;
      }
      evict(path, found?.text);
    }
    return undefined;
  } finally {
    unlinkSync(draft);
  }
}

/** Removes a dead holder's claim; puts it back when another process was quicker and it is a live one by now. */
function evict(path: string, deadText: string | undefined): void {
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  const moved = readHolder(aside);
  if (moved && moved.text !== deadText) {
    try {
      linkSync(aside, path);
    } catch {
      // A third process holds it now: as good as putting it back.
    }
  }
  unlinkSync(aside);
}

function releaseOwn(path: string, own: string): void {
  if (readHolder(path)?.text === own) {
    unlinkSync(path);
  }
}
