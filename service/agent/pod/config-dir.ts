import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { PodBoot } from "../../../sdk/contract/index.ts";
import { pathBelow } from "../../../sdk/contract/paths.ts";
import { readJson, removeDrafts, writeFile, writeJson } from "../atomic-file.ts";

/** What the agent wrote the last time, so that files which are declared no more are removed, also those of an earlier pod. */
const WRITTEN = ".clusterclaw.json";

/**
 * Makes the folders that a claw expects and writes its config files: as regular files, since claws refuse the links that a mounted
 * secret is made of. An equal file is left alone: claws watch theirs.
 */
export function writeConfig({ dirs, files }: Pick<PodBoot, "dirs" | "files">): void {
  const { configDir, dataDir, runDir } = dirs;
  for (const dir of [join(dataDir, "home"), join(runDir, "tmp"), join(runDir, "logs")]) {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  }
  const list = join(configDir, WRITTEN);
  const former = readJson<string[]>(list) ?? [];
  const paths = Object.keys(files).sort();
  // First, so that a file is never left behind by an agent that ends half-way.
  writeJson(list, [...new Set([...former, ...paths])]);
  for (const path of paths) {
    const content = files[path] ?? "";
    const target = pathBelow(configDir, path);
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    removeDrafts(target);
    if (readOptional(target) !== content) {
      writeFile(target, content);
    }
  }
  for (const path of former.filter((known) => files[known] === undefined)) {
    rmSync(pathBelow(configDir, path), { force: true });
  }
  writeJson(list, paths);
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
