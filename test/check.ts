// `npm run check`: everything that can be said about a change within a minute, without outside parts; with `--static` all but the tests.
import { spawn } from "node:child_process";

interface Step {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** What to do when it fails. */
  readonly fix: string;
}

/** Those of use cases need a database, and nothing else. */
const withDatabase = process.env["CLAW_TEST_DATABASE_URL"] ? ["application"] : [];
const vitestProjects = ["unit", "component", "architecture", "contract", ...withDatabase];
const TESTS = "fast tests";
/** The longest first: two run at a time. */
const steps: readonly Step[] = [
  {
    name: TESTS,
    command: ["vitest", "run", "--reporter=minimal", ...vitestProjects.map((project) => `--project=${project}`)],
    fix: "npx vitest run <file> runs one file; add -u when a snapshot was meant to change",
  },
  {
    name: "format and lint",
    command: ["biome", "ci", `--colors=${process.stdout.isTTY ? "force" : "off"}`, "."],
    fix: "npm run format, then mend by hand what is left",
  },
  {
    name: "types",
    command: ["tsc", "--noEmit", "--incremental", "--tsBuildInfoFile", "node_modules/.cache/check.tsbuildinfo", "--project", "."],
    fix: "mend the types; npx tsc --noEmit shows them again",
  },
  {
    name: "types of the console",
    command: [
      "tsc",
      "--noEmit",
      "--incremental",
      "--tsBuildInfoFile",
      "node_modules/.cache/console.tsbuildinfo",
      "--project",
      "service/console",
    ],
    fix: "mend the types; npx tsc --noEmit -p service/console shows them again",
  },
  {
    name: "package",
    command: ["node", "test/package.ts"],
    fix: "mend what is said; npm run check:package -- -u writes the pages of what is exported anew",
  },
  {
    name: "architecture",
    command: ["depcruise", "--config", ".dependency-cruiser.mjs", "sdk", "service", "adapters", "components", "stacks", "test"],
    fix: "turn the import around, or put the code where it may be imported from: see CONTRIBUTING.md, Arrows",
  },
  { name: "dead code", command: ["knip"], fix: "delete what is unused; npx knip --fix removes unused exports" },
];

interface Outcome {
  readonly step: Step;
  readonly ok: boolean;
}

function run(step: Step): Promise<Outcome> {
  const startedMs = Date.now();
  const [program, ...args] = step.command;
  return new Promise((resolve, reject) => {
    let output = "";
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: process.stdout.isTTY ? { FORCE_COLOR: "1", ...process.env } : { NO_COLOR: "1", ...process.env },
    });
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk;
    });
    child.stderr.on("data", (chunk: Buffer) => {
      output += chunk;
    });
    child.once("error", reject);
    child.once("close", (code) => {
      const seconds = ((Date.now() - startedMs) / 1000).toFixed(1);
      process.stdout.write(`${code === 0 ? "ok  " : "FAIL"} ${step.name} (${seconds} s)\n`);
      if (code !== 0) {
        process.stdout.write(`${output.trimEnd()}\n\n  fix: ${step.fix}\n\n`);
      }
      resolve({ step, ok: code === 0 });
    });
  });
}

const startedMs = Date.now();
// Two at a time: each keeps a core busy, and a failure in the one does not hide another's.
const queue = process.argv.includes("--static") ? steps.filter(({ name }) => name !== TESTS) : [...steps];
const outcomes: Outcome[] = [];
await Promise.all(
  [1, 2].map(async () => {
    for (let step = queue.shift(); step; step = queue.shift()) {
      outcomes.push(await run(step));
    }
  }),
);
const failed = outcomes.filter(({ ok }) => !ok);
const seconds = ((Date.now() - startedMs) / 1000).toFixed(0);
process.stdout.write(
  failed.length === 0
    ? `check passed in ${seconds} s\n`
    : `check failed after ${seconds} s: ${failed.map(({ step }) => step.name).join(", ")}\n`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
