import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** Writes a file so that a reader sees the old or the new content and never a part of it. Mode 0600. */
export function writeFile(path: string, content: string): void {
  const draft = `${path}.${process.pid}.new`;
  writeFileSync(draft, content, { mode: 0o600, flush: true });
  renameSync(draft, path);
}

/** Removes what writers of the file left that were killed. Nobody else may be writing it. */
export function removeDrafts(path: string): void {
  const folder = dirname(path);
  for (const name of readdirSync(folder)) {
    if (name.startsWith(`${basename(path)}.`) && /^\d+\.new$/.test(name.slice(basename(path).length + 1))) {
      rmSync(join(folder, name), { force: true });
    }
  }
}

export function writeJson(path: string, value: unknown): void {
  writeFile(path, JSON.stringify(value));
}

/** The file's JSON, or undefined when it is missing or not JSON. */
export function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch {
    return undefined;
  }
}
