/**
 * `npm run check:package`, a step of `npm run check`: the package builds and packs, holds what runs and nothing else, its types lead
 * somewhere, the client is small, and what it exports is what docs/reference/api says. `-u` writes those pages anew.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { clientBundle } from "./support/client-bundle.ts";
import { reportSurface } from "./support/public-surface.ts";

const CLIENT_GZIP_BYTES_MAX = 25_000;
const TARBALL_BYTES_MAX = 4_000_000;
/** What a browser loads of the console before it shows anything. */
const CONSOLE_GZIP_BYTES_MAX = 350_000;
const root = join(import.meta.dirname, "..");
const packageJson = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const problems: string[] = [];

const folder = mkdtempSync(join(tmpdir(), "claw-package-"));
try {
  // Packing builds first, as it does for whoever publishes.
  execFileSync("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
  const tarball = readFileSync(join(folder, `${packageJson.name}-${packageJson.version}.tgz`));
  if (tarball.length > TARBALL_BYTES_MAX) {
    problems.push(`the tarball has ${tarball.length} bytes, more than ${TARBALL_BYTES_MAX}`);
  }
  const unpacked = createPackageFromTarballData(tarball);
  const strange = unpacked.listFiles().filter((path) => /\/test\/|(?<!\.d)\.ts$|\.tsbuildinfo$/.test(path));
  problems.push(...strange.map((path) => `${path} is in the tarball`));

  const lint = await publint({ strict: true, pack: { tarball: new Uint8Array(tarball).buffer } });
  problems.push(...lint.messages.map((message) => formatMessage(message, packageJson) ?? message.code));

  // The package is ESM alone: what an old resolver or `require` of an old Node makes of it is no fault.
  const types = await checkPackage(unpacked);
  const found = types.types ? types.problems : [{ kind: "NoTypes" as const }];
  problems.push(
    ...found
      .filter((problem) => !("resolutionKind" in problem && ["node10", "node16-cjs"].includes(problem.resolutionKind)))
      .map((problem) => `types: ${JSON.stringify(problem)}`),
  );

  const { gzipBytes } = await clientBundle(join(root, "dist/sdk/client/index.js"));
  if (gzipBytes > CLIENT_GZIP_BYTES_MAX) {
    problems.push(`the client's bundle for browsers has ${gzipBytes} bytes after gzip, more than ${CLIENT_GZIP_BYTES_MAX}`);
  }
  const consoleBytes = firstLoadBytes(join(root, "dist/console"));
  if (consoleBytes > CONSOLE_GZIP_BYTES_MAX) {
    problems.push(`the console's first load has ${consoleBytes} bytes after gzip, more than ${CONSOLE_GZIP_BYTES_MAX}`);
  }
  problems.push(...reportSurface(root, packageJson.exports, process.argv.includes("-u")));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
/** The document of the console, and what it names. */
function firstLoadBytes(folder: string): number {
  const document = readFileSync(join(folder, "index.html"), "utf8");
  const named = [...document.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path = ""]) => readFileSync(join(folder, path)));
  if (named.length < 2) {
    throw new Error("the console's document names neither a script nor a style sheet");
  }
  return [Buffer.from(document), ...named].reduce((sum, file) => sum + gzipSync(file).length, 0);
}

for (const problem of problems) {
  process.stdout.write(`${problem}\n`);
}
process.exitCode = problems.length === 0 ? 0 : 1;
