import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** Files of real servers that a change is tried on, the nearest first: two at a time they take a minute or two. */
const REAL_FILES_MAX = 5;
const REAL = /^test\/(?:integration\/(?!application\/)|e2e\/)/;
/** What is named in a file: by an import, or by a text that is the path of a program. */
const NAMED = /["'`]([\w@./-]+\.(?:ts|mts|mjs))["'`]/g;

export interface NearestTests {
  readonly files: readonly string[];
  /** Tests of real servers that reach what changed too, by longer ways. */
  readonly left: number;
}

/** The files that differ from a commit, new ones among them. */
export function changedFiles(root: string, since: string): string[] {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).split("\n").filter(Boolean);
  return [...new Set([...git("diff", "--name-only", "--relative", since), ...git("ls-files", "--others", "--exclude-standard")])];
}

/** All fast tests that reach what changed, and of those with real servers the nearest. @param sources path → text */
export function nearestTests(sources: ReadonlyMap<string, string>, changed: readonly string[]): NearestTests {
  const distances = distancesFrom(changed, usersOf(sources));
  const tests = [...distances].filter(([path]) => path.startsWith("test/") && path.endsWith(".test.ts"));
  const [real, fast] = [tests.filter(([path]) => REAL.test(path)), tests.filter(([path]) => !REAL.test(path))];
  const folders = changed.map((path) => dirname(path).split("/"));
  // A test stands in a folder that is named as that of what it tests: the innermost one says most.
  const kinship = (path: string) => Math.max(0, ...folders.map((parts) => parts.findLastIndex((part) => path.includes(`/${part}/`)) + 1));
  const rank = new Map(real.map(([path, distance]) => [path, distance - kinship(path)]));
  // One of claws of other makers takes minutes: it is run where it is what has changed.
  const tried = real.filter(([path, distance]) => distance === 0 || !path.startsWith("test/e2e/"));
  const nearest = tried.sort(([a], [b]) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0) || (a < b ? -1 : 1));
  const chosen = nearest.slice(0, REAL_FILES_MAX);
  return { files: [...fast, ...chosen].map(([path]) => path), left: real.length - chosen.length };
}

/** The sources of a checkout, by their paths. */
export function sourcesOf(root: string): Map<string, string> {
  const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.ts", "*.mts", "*.mjs"], {
    cwd: root,
    encoding: "utf8",
  });
  const paths = listed.split("\n").filter((path) => path !== "" && existsSync(join(root, path)));
  return new Map(paths.map((path) => [path, readFileSync(join(root, path), "utf8")]));
}

/** Who names a file. */
function usersOf(sources: ReadonlyMap<string, string>): ReadonlyMap<string, readonly string[]> {
  const users = new Map<string, string[]>();
  for (const [path, text] of sources) {
    for (const [, named = ""] of text.matchAll(NAMED)) {
      const target = [normalize(join(dirname(path), named)), normalize(named)].find((candidate) => sources.has(candidate));
      if (target !== undefined && target !== path) {
        users.set(target, [...(users.get(target) ?? []), path]);
      }
    }
  }
  return users;
}

function distancesFrom(changed: readonly string[], users: ReadonlyMap<string, readonly string[]>): ReadonlyMap<string, number> {
  const distances = new Map(changed.map((path) => [path, 0]));
  let ring = [...changed];
  for (let distance = 1; ring.length > 0; distance++) {
    ring = ring.flatMap((path) => users.get(path) ?? []).filter((path) => !distances.has(path) && distances.set(path, distance));
  }
  return distances;
}
