import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, it, onTestFinished } from "vitest";

const bootstrap = join(import.meta.dirname, "../../../service/bootstrap.mjs");
const ENTRY = `
process.on("SIGTERM", () => process.exit(7));
console.log(JSON.stringify({ args: process.argv.slice(2), path: process.env.PATH.split(":").slice(0, 2), main: import.meta.main }));
if (process.argv[2] === "wait") setInterval(() => {}, 1000);
else process.exitCode = 3;
`;

/** A checkout with nothing in it but the bootstrap, an entry and a lock file of one local package. */
async function aCheckout(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "bootstrap-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  await mkdir(join(dir, "service"));
  await cp(bootstrap, join(dir, "service/bootstrap.mjs"));
  await writeFile(join(dir, "service/main.ts"), ENTRY);
  await writePackages(dir, "1.0.0");
  return dir;
}

async function writePackages(dir: string, version: string): Promise<void> {
  const root = { name: "sample", version };
  await writeFile(join(dir, "package.json"), JSON.stringify({ ...root, type: "module" }));
  await writeFile(join(dir, "package-lock.json"), JSON.stringify({ ...root, lockfileVersion: 3, requires: true, packages: { "": root } }));
}

function start(dir: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = spawn(process.execPath, [join(dir, "service/bootstrap.mjs"), "service/main.ts", ...args], {
    cwd: dir,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

async function run(dir: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
  const child = start(dir, args, env);
  if (!child.stdout || !child.stderr) {
    throw new Error("the child has no pipes");
  }
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { stdout, stderr, code };
}

const installs = ({ stderr }: { stderr: string }) => stderr.split("\n").filter((line) => line.includes("npm ci) …")).length;

describe("service/bootstrap.mjs", () => {
  it("installs what is locked, then runs the entry as its own process with its arguments and exit code", async ({ expect }) => {
    const dir = await aCheckout();
    const first = await run(dir, ["a", "b c"]);
    expect(installs(first)).toBe(1);
    expect(first.code).toBe(3);
    expect(JSON.parse(first.stdout)).toEqual({
      args: ["a", "b c"],
      path: [dirname(process.execPath), join(dir, "node_modules/.bin")],
      main: true,
    });
  });

  it("says and installs nothing when all is there, until the lock file changes", async ({ expect }) => {
    const dir = await aCheckout();
    await run(dir);
    expect((await run(dir)).stderr).toBe("");
    await writePackages(dir, "2.0.0");
    await rm(join(dir, "node_modules/.package-lock.json"), { force: true });
    expect(installs(await run(dir))).toBe(1);
  });

  it("takes over what an npm install by hand brought", async ({ expect }) => {
    const dir = await aCheckout();
    await mkdir(join(dir, "node_modules"));
    await writeFile(join(dir, "node_modules/.package-lock.json"), JSON.stringify({ packages: {} }));
    expect((await run(dir)).stderr).toBe("");
  });

  it("installs once when two start at the same time", async ({ expect }) => {
    const dir = await aCheckout();
    const both = await Promise.all([run(dir), run(dir)]);
    expect(both.map(({ code }) => code)).toEqual([3, 3]);
    expect(both.map(installs).sort()).toEqual([0, 1]);
  });

  it("goes on after a setup that was killed", async ({ expect }) => {
    const dir = await aCheckout();
    const lock = join(dir, ".toolchain/setup.lock");
    await mkdir(dirname(lock));
    await writeFile(lock, "1");
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(lock, longAgo, longAgo);
    expect((await run(dir)).code).toBe(3);
    await expect(readFile(lock)).rejects.toThrow("ENOENT");
  });

  it("passes signals on", async ({ expect }) => {
    const dir = await aCheckout();
    const child = start(dir, ["wait"]);
    const { stdout } = child;
    if (!stdout) {
      throw new Error("the child has no pipe");
    }
    await once(stdout, "data");
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([7, null]);
  });

  it("says what to do when npm is missing", async ({ expect }) => {
    const dir = await aCheckout();
    // A Node without an npm beside it.
    await mkdir(join(dir, "bin"));
    await symlink(process.execPath, join(dir, "bin/node"));
    const { code, stderr } = await run(dir, [], { PATH: join(dir, "bin"), npm_execpath: undefined });
    expect({ code, stderr }).toEqual({ code: 1, stderr: "npm was not found. Install it (it comes with Node), and put it on PATH.\n" });
  });
});
