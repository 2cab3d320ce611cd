// `npm test`: every project of vitest.config.ts. The last line says `N passed, N failed, N skipped`.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { startVitest, type TestCase, type TestModule } from "vitest/node";
import { findProgram } from "./support/find-program.ts";
import { whyNoCluster } from "./support/kubernetes/binaries.ts";
import { buildBinaries, canBuildBinaries } from "./support/kubernetes/build.ts";
import { findNatsServer } from "./support/nats-server.ts";

/** What a test may be skipped for: parts that can't be installed by a package manager. Any other skip is a failure. */
const excusedSkips = [/\bpulumi\b/i, /^no Kubernetes /, /\bmount is not permitted\b/];

if (canBuildBinaries()) {
  installPrograms(...absent("gcc"), ...(existsSync("/usr/include/seccomp.h") ? [] : ["libseccomp-dev"]));
  buildBinaries();
}
installPrograms(
  ...(findNatsServer() || process.env["CLAW_TEST_NATS_URL"] ? [] : ["nats-server"]),
  // Images are run on Kubernetes only.
  ...(whyNoCluster({ real: true }) ? [] : absent("buildah", "tini")),
  ...absent("chromium", "curl"),
);
const vitest = await startVitest(process.argv.slice(2), { run: true, reporters: ["default"] });
const modules = vitest.state.getTestModules();
const tests = modules.flatMap((module) => [...module.children.allTests()]);
const unhandled = vitest.state.getUnhandledErrors().length;
await vitest.close();

const skipped = tests.filter((test) => test.result().state === "skipped");
const unexcused = skipped.filter((test) => !excusedSkips.some((reason) => reason.test(reasonOf(test))));
const passed = tests.filter((test) => test.result().state === "passed").length;
// A file that can't be loaded, and an error outside of any test, fail the run as a test does.
const broken = modules.filter(isBroken).length + unhandled;
const failed = tests.filter((test) => test.result().state === "failed").length + broken + unexcused.length;

for (const test of tests.filter((each) => each.diagnostic()?.flaky)) {
  process.stdout.write(`passed at the second try only: ${test.module.relativeModuleId}: ${test.fullName}\n`);
}
for (const [reason, count] of countBy(skipped.map(reasonOf))) {
  process.stdout.write(`skipped ${count}: ${reason}\n`);
}
if (unexcused.length > 0) {
  process.stdout.write(`${unexcused.length} of these could have run on this machine, and count as failed\n`);
}
if (tests.length === 0) {
  process.stdout.write("no tests were run\n");
}
process.exitCode = failed === 0 && tests.length > 0 ? 0 : 1;
process.stdout.write(`${passed} passed, ${failed} failed, ${skipped.length - unexcused.length} skipped\n`);

function reasonOf(test: TestCase): string {
  const result = test.result();
  return (result.state === "skipped" && result.note) || `no reason is given in ${test.module.relativeModuleId}: ${test.fullName}`;
}

function isBroken(module: TestModule): boolean {
  return module.errors().length > 0 || [...module.children.allSuites()].some((suite) => suite.errors().length > 0);
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
