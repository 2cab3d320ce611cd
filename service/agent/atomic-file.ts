import { readFileSync, renameSync, writeFileSync } from "node:fs";

/** Writes a file so that a reader sees the old or the new content and never a part of it. Mode 0600. */
export function writeFile(path: string, content: string): void {
  const draft = `${path}.${process.pid}.new`;
  writeFileSync(draft, content, { mode: 0o600, flush: true });
  renameSync(draft, path);
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
