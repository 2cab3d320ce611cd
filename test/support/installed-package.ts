import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
const NODE_20 = "20.20.2";
const BUN = "1.4.5";
const DENO = "2.9.6";

export interface InstalledPackage {
  /** An otherwise empty project; programs in it import the package by its name. */
  readonly dir: string;
  /** A program of its `node_modules/.bin`. */
  bin(name: string): string;
  remove(): Promise<void>;
}

/** Builds and packs what npm would publish, and installs that as users do. */
export async function installPackage(): Promise<InstalledPackage> {
  const dir = await mkdtemp(join(tmpdir(), "claw-project-"));
  await run("npm", ["pack", "--silent", "--pack-destination", dir], { cwd: root });
  const [tarball = ""] = (await readdir(dir)).filter((name) => name.endsWith(".tgz"));
  await writeFile(join(dir, "package.json"), JSON.stringify({ name: "empty", private: true, type: "module" }));
  await npmInstall(dir, `./${tarball}`);
  return {
    dir,
    bin: (name) => join(dir, "node_modules/.bin", name),
    remove: () => rm(dir, { recursive: true, force: true, maxRetries: 3 }),
  };
}

/** Programs that run JavaScript, each from the npm package that brings its binary; installed once per checkout. */
export async function installRuntimes(): Promise<{ readonly node20: string; readonly bun: string; readonly deno: string }> {
  const { platform, arch } = process;
  const packages = {
    node: `node-${platform}-${arch}`,
    bun: `@oven/bun-${platform}-${arch === "arm64" ? "aarch64" : arch}`,
    deno: `@deno/${platform}-${arch}${platform === "linux" ? "-glibc" : ""}`,
  };
  const dir = join(root, ".toolchain", `runtimes-${NODE_20}-${BUN}-${DENO}`);
  if (!existsSync(dir)) {
    const staging = `${dir}.${process.pid}`;
    await mkdir(staging, { recursive: true });
    await writeFile(join(staging, "package.json"), "{}");
    await npmInstall(staging, `${packages.node}@${NODE_20}`, `${packages.bun}@${BUN}`, `${packages.deno}@${DENO}`);
    await rename(staging, dir);
  }
  const modules = join(dir, "node_modules");
  return {
    node20: join(modules, packages.node, "bin/node"),
    bun: join(modules, packages.bun, "bin/bun"),
    deno: join(modules, packages.deno, "deno"),
  };
}

async function npmInstall(dir: string, ...packages: readonly string[]): Promise<void> {
  // Binaries of other Nodes are wanted as they are: `engines` of an old one is no reason to refuse it.
  await run("npm", ["install", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund", "--engine-strict=false", ...packages], {
    cwd: dir,
  });
}
