import { existsSync, rmSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { join, resolve } from "node:path";
import type { AgentAddress, ProcessSpec } from "../../sdk/contract/index.ts";
import { readJson, writeJson } from "./atomic-file.ts";
import { tryClaim } from "./claims.ts";
import { watchConfig } from "./config-check.ts";
import { controlSocketPath, serveControl } from "./control-server.ts";
import { selfIdentity } from "./processes.ts";
import { supervisedClaw } from "./supervised-claw.ts";
import { Supervisor } from "./supervisor.ts";
import { Uplink } from "./uplink.ts";

const SPEC_CHECK_MS = 2_000;

/** `node main.ts <runDir>`: supervises the claw of `<runDir>/process.json` until it is told to end, and then leaves the claw running. */
const runDir = resolve(process.argv[2] ?? ".");
const log = (message: string) => process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), message })}\n`);

const spec = readJson<ProcessSpec>(join(runDir, "process.json"));
const lock = spec && tryClaim(join(runDir, "agent.lock"));
if (!spec) {
  log(`no specification in '${runDir}'`);
  process.exitCode = 1;
} else if (!lock) {
  log("another agent supervises this claw");
} else {
  const supervisor = new Supervisor(spec, log);
  const claw = supervisedClaw(supervisor);
  watchConfig(claw);
  const uplink = new Uplink(claw, log);
  const socketPath = controlSocketPath(runDir);
  const end = () => {
    supervisor.close();
    uplink.close();
    rmSync(socketPath, { force: true });
    lock.release();
    process.exit(0);
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  await serveControl(socketPath, supervisor, end);
  const address: AgentAddress = { ...selfIdentity(), socket: socketPath };
  writeJson(join(runDir, "agent.json"), address);
  uplink.connect();
  supervisor.onApply(() => uplink.connect());
  log("supervising");
  // Otherwise the cache is written at exit only, and an agent hardly ever exits.
  flushCompileCache();
  const watch = setInterval(() => {
    if (!existsSync(join(runDir, "process.json"))) {
      clearInterval(watch);
      log("the run directory is gone");
      void supervisor.abandon().then(end);
    }
  }, SPEC_CHECK_MS);
  await supervisor.run();
}
