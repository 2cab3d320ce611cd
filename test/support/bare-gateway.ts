import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ProcessSpecSchema } from "../../sdk/contract/index.ts";
import { launchOf } from "../../service/agent/launch.ts";
import { probe } from "../../service/agent/probe.ts";
import { freePort } from "./free-port.ts";

const START_TIMEOUT_MS = 120_000;

/** How long a stopped instance's own command takes to its readiness when it is started by hand, with the same files and fresh data. */
export async function bareStartMs(serviceDataDir: string, uid: string): Promise<number> {
  const runDir = join(serviceDataDir, "run", uid);
  const spec = ProcessSpecSchema.parse(JSON.parse(await readFile(join(runDir, "process.json"), "utf8")));
  await rm(spec.dirs.dataDir, { recursive: true, force: true });
  await mkdir(join(spec.dirs.dataDir, "home"), { recursive: true });
  const port = await freePort();
  const { command, args, env, cwd } = launchOf(spec, port, { kind: "none", why: "it is run bare", fix: "" });
  const startedMs = performance.now();
  const child = spawn(command, args, { env, cwd, stdio: "ignore", detached: true });
  const ended = once(child, "exit");
  try {
    while ((await probe(port, spec.runtime.probes.readiness)) !== undefined) {
      if (child.exitCode !== null || performance.now() - startedMs > START_TIMEOUT_MS) {
        throw new Error(`the bare gateway did not become ready (exit code ${child.exitCode})`);
      }
      await delay(20);
    }
    return performance.now() - startedMs;
  } finally {
    if (child.pid !== undefined) {
      process.kill(-child.pid, "SIGKILL");
    }
    await ended;
  }
}
