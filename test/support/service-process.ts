import { type ChildProcess, execFile, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { callAgent } from "../../adapters/providers/clusterclaw/agent-client.ts";
import { Claw } from "../../sdk/client/index.ts";

const START_TIMEOUT_MS = 60_000;
const TICKS_PER_SECOND = 100;

export interface ServiceProcess {
  readonly url: string;
  readonly token: string;
  readonly dataDir: string;
  readonly pid: number;
  claw(tenant?: string): Claw;
  signal(signal: NodeJS.Signals): void;
  /** Another process on the same data and port, once this one has ended. */
  restart(): Promise<void>;
  /** Ends the service and, unless its data folder was named, its agents and their claws, and removes the data. */
  stop(): Promise<void>;
}

/**
 * The service as users run it: a process of its own, on a data folder of its own unless one is named.
 * @param how whom it runs as, where it is not us, and where its output goes
 */
export async function startServiceProcess(
  settings: Readonly<Record<string, string>>,
  how: Pick<SpawnOptions, "uid" | "gid" | "stdio"> = {},
): Promise<ServiceProcess> {
  const sharedDir = settings["CLAW_DATA_DIR"];
  const dataDir = sharedDir ?? (await mkdtemp(join(tmpdir(), "claw-service-")));
  // PostgreSQL's user, and claws' users later, must be able to enter.
  await chmod(dataDir, 0o755);
  if (how.uid !== undefined) {
    await chown(dataDir, how.uid, how.gid ?? how.uid);
  }
  const start = async (port: string) => {
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", resolve("service/main.ts")], {
      env: { ...process.env, CLAW_PORT: port, CLAW_LOG_LEVEL: "error", ...settings, CLAW_DATA_DIR: dataDir },
      stdio: ["ignore", "inherit", "inherit"],
      ...how,
    });
    return { child, ended: once(child, "exit"), ...(await access(child, dataDir)) };
  };
  let running = await start("0");
  return {
    get url() {
      return running.url;
    },
    token: running.token,
    dataDir,
    get pid() {
      return running.child.pid ?? 0;
    },
    claw: (tenant) => new Claw({ url: running.url, token: running.token, tenant }),
    signal: (signal) => void running.child.kill(signal),
    async restart() {
      await running.ended;
      running = await start(new URL(running.url).port);
    },
    async stop() {
      running.child.kill("SIGTERM");
      await running.ended;
      if (sharedDir !== undefined) {
        return;
      }
      await stopAgents(dataDir);
      await rm(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}

async function access(child: ChildProcess, dataDir: string): Promise<{ url: string; token: string }> {
  for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline; await delay(50)) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`the service ended while it was starting (${child.signalCode ?? child.exitCode}); its output is above`);
    }
    const text = await readFile(join(dataDir, "access.json"), "utf8").catch(() => "{}");
    const { pid, url, token } = JSON.parse(text);
    if (pid === child.pid) {
      return { url, token };
    }
  }
  throw new Error(`the service did not start within ${START_TIMEOUT_MS / 1000} s`);
}

/** Agents and claws outlive the service by design: tests have to end them. */
export async function stopAgents(dataDir: string): Promise<void> {
  const runs = await readdir(join(dataDir, "run")).catch(() => []);
  await Promise.allSettled(
    runs.map(async (uid) => {
      const runDir = join(dataDir, "run", uid);
      // Killed alone it would be started again; stopped alone it would have its grace.
      const stopped = callAgent(runDir, { method: "stop" });
      await Promise.all([stopped, callAgent(runDir, { method: "kill" })]);
      await callAgent(runDir, { method: "shutdown" });
    }),
  );
}

/** CPU time that a process has used by itself: nothing of those that it started. */
export async function ownCpuSeconds(pid: number): Promise<number> {
  const [user = 0, system = 0] = statOf(await readFile(`/proc/${pid}/stat`, "utf8")).times;
  return (user + system) / TICKS_PER_SECOND;
}

/** After the name, which may hold anything: state, parent, and from the 12th on user, system, and both of its ended children. */
function statOf(stat: string): { readonly parent: number | undefined; readonly times: readonly number[] } {
  const fields = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
  return { parent: fields[1], times: fields.slice(11, 15) };
}

/** CPU time that a process and its descendants have used, ended ones too. @param counts whether a process, and those below it, are counted */
export async function cpuSeconds(pid: number, counts: (command: string) => boolean = () => true): Promise<number> {
  const processes = await Promise.all(
    (await readdir("/proc"))
      .filter((name) => /^\d+$/.test(name))
      .map(async (name) => {
        const { parent, times } = statOf(await readFile(`/proc/${name}/stat`, "utf8").catch(() => ""));
        const command = (await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "")).replaceAll("\0", " ");
        return { id: Number(name), parent, command, ticks: times.reduce((sum, ticks) => sum + ticks, 0) };
      }),
  );
  const sum = (id: number): number =>
    processes
      .filter(({ parent, command }) => parent === id && counts(command))
      .reduce((total, item) => total + sum(item.id), processes.find((item) => item.id === id)?.ticks ?? 0);
  return sum(pid) / TICKS_PER_SECOND;
}

/** Resident memory of a process and its descendants. @param counts whether a process, and those below it, are counted */
export async function residentBytes(pid: number, counts: (command: string) => boolean): Promise<number> {
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "pid=,ppid=,rss=,args="]);
  const processes = stdout
    .split("\n")
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, id, parent, kib, command = ""]) => ({ id: Number(id), parent: Number(parent), bytes: Number(kib) * 1024, command }));
  const sum = (id: number): number =>
    processes
      .filter((item) => item.parent === id && counts(item.command))
      .reduce((total, item) => total + sum(item.id), processes.find((item) => item.id === id)?.bytes ?? 0);
  return sum(pid);
}
