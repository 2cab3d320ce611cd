/** `npm run build`: the package's programs, types and source maps, and the web console, in `dist`. Development needs none of it: Node runs the sources. */
import { spawnSync } from "node:child_process";
import { copyFile, glob, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { buildConsole } from "./console.ts";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");

await rm(dist, { recursive: true, force: true });
const tsc = join(root, "node_modules/typescript/bin/tsc");
const { status } = spawnSync(process.execPath, [tsc, "--project", join(root, "tsconfig.build.json")], { stdio: "inherit" });
if (status !== 0) {
  process.exit(status ?? 1);
}
// What runs beside the compiled code: claw types and their programs, providers' starters, the programs that any Node may start; and the pages
// that `claw mcp` explains errors with.
for (const pattern of ["adapters/**/*.{mjs,yaml}", "{adapters,stacks}/**/pulumi-resource-*", "service/**/*.mjs", "docs/errors/*.md"]) {
  for await (const file of glob(pattern, { cwd: root })) {
    await mkdir(dirname(join(dist, file)), { recursive: true });
    await copyFile(join(root, file), join(dist, file));
  }
}
// The compiler brings the whole file along for those who import it: only its version is read, and `exports` of a nested one mislead bundlers.
const packageFile = join(dist, "package.json");
const { name, version, type } = JSON.parse(await readFile(packageFile, "utf8"));
await writeFile(packageFile, `${JSON.stringify({ name, version, type })}\n`);
await buildConsole();
