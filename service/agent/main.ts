import { existsSync, rmSync, statSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { join, resolve } from "node:path";
import type { AgentAddress, ProcessSpec } from "../../sdk/contract/index.ts";
import { readJson, removeDrafts, writeJson } from "./atomic-file.ts";
import { watchChannels } from "./channel-check.ts";
import { tryClaim } from "./claims.ts";
import { watchConfig } from "./config-check.ts";
import { controlSocketPath, serveControl } from "./control-server.ts";
import { watchDisk } from "./disk-check.ts";
import { selfIdentity } from "./processes.ts";
import { supervisedClaw } from "./supervised-claw.ts";
import { Supervisor } from "./supervisor.ts";
import { Uplink } from "./uplink.ts";

const SPEC_CHECK_MS = 2_000;

// A terminal's program keeps the groups of whoever starts it: it is to have none of ours.
if (process.getuid?.() === 0) {
  process.setgroups?.([]);
}

/**
 * `node main.ts <runDir>`: supervises the claw of `<runDir>/process.json` until it is told to end, and then leaves the claw running; or
 * until the claw is to be stopped and is, whoever started it. A stopped claw has no process.
 */
const runDir = resolve(process.argv[2] ?? ".");
const specPath = join(runDir, "process.json");
const log = (message: string) => process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), message })}\n`);

const lock = existsSync(specPath) ? tryClaim(join(runDir, "agent.lock")) : undefined;
const spec = readJson<ProcessSpec>(specPath);
if (!spec) {
  log(`no specification in '${runDir}'`);
  lock?.release();
  process.exitCode = 1;
} else if (!lock) {
  log("another agent supervises this claw");
} else {
  for (const name of ["process.json", "state.json", "agent.json"]) {
    removeDrafts(join(runDir, name));
  }
  let specTime = timeOf(specPath);
  const supervisor = new Supervisor(spec, log);
  const claw = supervisedClaw(supervisor);
  watchConfig(claw);
  watchChannels(claw);
  watchDisk(claw);
  const uplink = new Uplink(claw, log);
  const socketPath = controlSocketPath(runDir);
  const addressPath = join(runDir, "agent.json");
  const end = () => {
    supervisor.close();
    uplink.close();
    rmSync(socketPath, { force: true });
    lock.release();
    process.exit(0);
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  const control = await serveControl(socketPath, supervisor, end);
  const address: AgentAddress = { ...selfIdentity(), socket: socketPath };
  writeJson(addressPath, address);
  uplink.connect();
  supervisor.onApply(() => uplink.connect());
  log("supervising");
  // Otherwise the cache is written at exit only, and an agent hardly ever exits.
  flushCompileCache();
  const watch = setInterval(() => {
    const time = timeOf(specPath);
    if (time === undefined) {
      clearInterval(watch);
      log("the run directory is gone");
      void supervisor.abandon().then(end);
    } else if (time !== specTime) {
      // Whoever wrote it may have died before it could tell.
      specTime = time;
      supervisor.follow(readJson<ProcessSpec>(specPath));
    }
  }, SPEC_CHECK_MS);
  if ((await supervisor.run()) === "stopped") {
    // Before anything else can be asked of it: who finds no agent starts another, and the file says that nothing is left of this one.
    const answered = control.close();
    rmSync(socketPath, { force: true });
    rmSync(addressPath, { force: true });
    lock.release();
    log("stopped");
    await Promise.all([answered, uplink.finish()]);
    process.exit(0);
  }
}

function timeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}
