/** `node deploy/console.ts`: builds the web console of a checkout where it is missing, or built of other sources. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { glob, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "..");
const built = join(root, "dist/console");
const digestFile = join(root, "node_modules/.cache/console.sha256");

/** Builds it anew. Whoever serves it meanwhile goes on with what was there. */
export async function buildConsole(): Promise<void> {
  const digest = await sourceDigest();
  const { build } = await import("vite");
  // Whoever builds it, a test for one: what is served is what people get.
  process.env["NODE_ENV"] = "production";
  const fresh = join(root, `dist/.console-${process.pid}`);
  await build({
    configFile: join(root, "service/console/vite.config.ts"),
    logLevel: "warn",
    build: { outDir: fresh, emptyOutDir: true },
  });
  for (let left = 3; ; left--) {
    await rm(built, { recursive: true, force: true });
    try {
      await rename(fresh, built);
      break;
    } catch (error) {
      // Somebody else who builds it has put theirs there meanwhile.
      if (left === 0) {
        throw error;
      }
    }
  }
  await mkdir(dirname(digestFile), { recursive: true });
  await writeFile(digestFile, digest);
}

async function isBuilt(): Promise<boolean> {
  const known = await readFile(digestFile, "utf8").catch(() => "");
  return existsSync(join(built, "index.html")) && known === (await sourceDigest());
}

async function sourceDigest(): Promise<string> {
  const hash = createHash("sha256");
  const files: string[] = [];
  for await (const file of glob(["service/console/**/*.*", "sdk/{client,contract}/**/*.ts", "package-lock.json"], { cwd: root })) {
    files.push(file);
  }
  for (const file of files.sort()) {
    hash.update(file).update(await readFile(join(root, file)));
  }
  return hash.digest("hex");
}

if (import.meta.main && !(await isBuilt())) {
  await buildConsole();
}
