// `npm test`: every project of vitest.config.ts, or what the arguments of vitest leave of them. The last line says `N passed, N failed, N skipped`.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseCLI, startVitest, type TestCase, type TestModule } from "vitest/node";
import { endAtHang } from "./support/end-at-hang.ts";
import { findProgram } from "./support/find-program.ts";
import { whyNoCluster } from "./support/kubernetes/binaries.ts";
import { buildBinaries, canBuildBinaries } from "./support/kubernetes/build.ts";
import { findNatsServer } from "./support/nats-server.ts";
import { changedFiles, nearestTests, sourcesOf } from "./support/nearest-tests.ts";

/** What a test may be skipped for: parts that can't be installed by a package manager, a checkout in a closed folder. Any other skip is a failure. */
const excusedSkips = [
  /\bpulumi\b/i,
  /^no Kubernetes /,
  /\bmount is not permitted\b/,
  /^no bubblewrap .* namespaces$/,
  /^another user can't reach /,
];

/** Tests of real servers: what fails there may be the machine's load. Run alone it passes then, and a few of those don't fail a run. */
const realProjects = new Set(["integration", "e2e"]);
const PASSED_ALONE_MAX = 3;
const SLOWEST_SHOWN = 10;
/** Several times what the longest file takes. */
const FILE_MINUTES_MAX = 20;

if (canBuildBinaries()) {
  installPrograms(...absent("gcc"), ...(existsSync("/usr/include/seccomp.h") ? [] : ["libseccomp-dev"]));
  buildBinaries();
}
installPrograms(
  ...(findNatsServer() || process.env["CLAW_TEST_NATS_URL"] ? [] : ["nats-server"]),
  // Images are run on Kubernetes only.
  ...(whyNoCluster({ real: true }) ? [] : absent("buildah", "tini")),
  ...(findProgram("bwrap") ? [] : ["bubblewrap"]),
  ...absent("chromium", "curl"),
  // Without one the console's Chinese pictures are boxes.
  ...(existsSync("/usr/share/fonts/truetype/wqy") ? [] : ["fonts-wqy-zenhei"]),
);
// Hundreds of services, workers and commands load the same code.
process.env["NODE_COMPILE_CACHE"] ??= join(import.meta.dirname, "../.toolchain/compile-cache");
/** As it is before the run's own servers are named in it: who runs after them starts others. */
const environment = { ...process.env };
const { filter: named, options } = parseCLI(["vitest", "run", ...process.argv.slice(2)]);
const filter = options.changed ? nearestTo(options.changed) : named;
delete options.changed;
const vitest = await startVitest(filter, { ...options, run: true, reporters: ["default", endAtHang(FILE_MINUTES_MAX, endRun)] });
const modules = vitest.state.getTestModules();
const unhandled = vitest.state.getUnhandledErrors().length;
await vitest.close();

const files = modules.map(toFile);
const summaryFile = process.env["CLAW_TEST_SUMMARY"];
if (summaryFile !== undefined) {
  // This is a run of one file, alone: whoever started it does the rest.
  writeFileSync(summaryFile, JSON.stringify(files));
  process.exit(0);
}

const shaky = files.filter(({ project, failed }) => realProjects.has(project) && failed.length > 0);
const tooMany = sum(shaky, ({ failed }) => failed.length) > PASSED_ALONE_MAX;
const passedAlone: string[] = [];
const final = files.map((file) => {
  const again = tooMany || !shaky.includes(file) ? undefined : runAlone(file);
  if (!again || again.failed.length > 0) {
    return file;
  }
  passedAlone.push(...file.failed.map((name) => `${file.path}: ${name}`));
  return again;
});

const skips = final.flatMap(({ skipped }) => skipped);
const unexcused = skips.filter((reason) => !excusedSkips.some((excuse) => excuse.test(reason))).length;
const passed = sum(final, (file) => file.passed);
const failed = sum(final, (file) => file.failed.length) + unhandled + unexcused;

process.stdout.write("\nThe slowest files:\n");
for (const { path, seconds } of [...final].sort((a, b) => b.seconds - a.seconds).slice(0, SLOWEST_SHOWN)) {
  process.stdout.write(`${seconds.toFixed(0).padStart(5)} s  ${path}\n`);
}
for (const name of passedAlone) {
  process.stdout.write(`passed alone only (its cause goes into docs/reference/tests.md): ${name}\n`);
}
for (const [reason, count] of countBy(skips)) {
  process.stdout.write(`skipped ${count}: ${reason}\n`);
}
if (unexcused > 0) {
  process.stdout.write(`${unexcused} of these could have run on this machine, and count as failed\n`);
}
if (passed === 0 && failed === 0) {
  process.stdout.write("no tests were run\n");
}
// Vitest has set its own by then, which knows nothing of what passed alone.
process.exitCode = passed > 0 && failed === 0 ? 0 : 1;
process.stdout.write(`${passed} passed, ${failed} failed, ${skips.length - unexcused} skipped\n`);

/** Ends the run without its results: a file hangs. */
function endRun(path: string): never {
  process.stdout.write(`\n${path} has not ended in ${FILE_MINUTES_MAX} minutes: the run ends here\n0 passed, 1 failed, 0 skipped\n`);
  process.exit(1);
}

/** The tests of what has changed, which is said. Ends the run where there are none. @param since a commit, or the last one */
function nearestTo(since: string | boolean): string[] {
  const root = join(import.meta.dirname, "..");
  const { files, left } = nearestTests(sourcesOf(root), changedFiles(root, since === true ? "HEAD" : String(since)));
  const others = left > 0 ? `; ${left} more files of real servers reach it by longer ways: npm test runs all` : "";
  process.stdout.write(`${files.length} files test what has changed${others}\n`);
  if (files.length === 0) {
    process.exit(0);
  }
  return [...files];
}

/** What came of a file of tests. */
interface FileResult {
  readonly path: string;
  readonly project: string;
  readonly seconds: number;
  readonly passed: number;
  /** The names of its failed tests; a file that can't be loaded, and a suite that can't be set up, are one each. */
  readonly failed: readonly string[];
  /** The reasons of its skipped tests. */
  readonly skipped: readonly string[];
}

function toFile(module: TestModule): FileResult {
  const tests = [...module.children.allTests()];
  const inState = (state: string) => tests.filter((test) => test.result().state === state);
  const brokenSuites = [...module.children.allSuites()].filter((suite) => suite.errors().length > 0).map((suite) => suite.fullName);
  const broken = [...(module.errors().length > 0 ? ["the file"] : []), ...brokenSuites];
  return {
    path: module.relativeModuleId,
    project: module.project.name,
    seconds: module.diagnostic().duration / 1000,
    passed: inState("passed").length,
    failed: [...inState("failed").map((test) => test.fullName), ...broken],
    // Tests of what could not be set up are not skipped, they failed with it.
    skipped: broken.length > 0 ? [] : inState("skipped").map(reasonOf),
  };
}

/** Runs a file again, in a fresh process with nothing beside it; undefined when that gave no result. */
function runAlone(file: FileResult): FileResult | undefined {
  process.stdout.write(`\nRunning ${file.path} again, alone …\n`);
  const dir = mkdtempSync(join(tmpdir(), "claw-tests-"));
  const summary = join(dir, "summary.json");
  try {
    spawnSync(process.execPath, [...process.execArgv, import.meta.filename, `--project=${file.project}`, file.path], {
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...environment, CLAW_TEST_SUMMARY: summary },
    });
    const results = existsSync(summary) ? (JSON.parse(readFileSync(summary, "utf8")) as FileResult[]) : [];
    return results.find(({ path }) => path === file.path);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function reasonOf(test: TestCase): string {
  const result = test.result();
  return (result.state === "skipped" && result.note) || `no reason is given in ${test.module.relativeModuleId}: ${test.fullName}`;
}

function sum<T>(values: readonly T[], count: (value: T) => number): number {
  return values.reduce((total, value) => total + count(value), 0);
}

function countBy(values: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) {
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return counts;
}

/** What is in no npm package comes from Debian's, where this machine is Debian and we are root. PostgreSQL does come from npm. */
function installPrograms(...missing: readonly string[]): void {
  if (missing.length === 0 || process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    return;
  }
  process.stdout.write(`Installing ${missing.join(" and ")} (apt-get) …\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  for (const args of [["update"], ["install", "--yes", "--no-install-recommends", ...missing]]) {
    const { status, stdout, stderr } = spawnSync("apt-get", ["--quiet", ...args], { env, encoding: "utf8" });
    if (status !== 0) {
      process.stdout.write(`apt-get ${args.join(" ")} failed:\n${stdout}${stderr}`);
      return;
    }
  }
}

function absent(...programs: readonly string[]): string[] {
  return programs.filter((name) => findProgram(name) === undefined);
}
