import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { AgentAddress, AgentStatus, ControlResponse, ProcessSpec } from "../../../sdk/contract/index.ts";

const agentMain = fileURLToPath(new URL("../../../service/agent/main.ts", import.meta.url));
export const fixtureClaw = fileURLToPath(new URL("./fixture-claw.mjs", import.meta.url));

/** A host folder of the test's own; everything that was started in it is killed at the end. */
export function aHost(): string {
  const hostDir = mkdtempSync(join(tmpdir(), "claw-agent-"));
  onTestFinished(async () => {
    await killEverythingIn(hostDir);
    rmSync(hostDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  });
  return hostDir;
}

/** Processes whose environment or command line names the folder. */
export function processesIn(dir: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => {
      try {
        const isZombie = readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
        return !isZombie && ["environ", "cmdline"].some((file) => readFileSync(`/proc/${pid}/${file}`, "utf8").includes(dir));
      } catch {
        return false;
      }
    });
}

async function killEverythingIn(hostDir: string): Promise<void> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const pids = processesIn(hostDir);
    if (pids.length === 0) {
      return;
    }
    for (const pid of pids) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended meanwhile.
      }
    }
    await delay(20);
  }
}

export interface SpecChanges {
  readonly uid?: string;
  readonly env?: Record<string, string>;
  readonly running?: boolean;
  readonly restartedAt?: string;
  readonly configDigest?: string;
  readonly restartDigest?: string;
  readonly agentUrl?: string;
  readonly runtime?: Partial<ProcessSpec["runtime"]>;
}

/** A specification of the fixture claw on a host. */
export function aSpec(hostDir: string, changes: SpecChanges = {}): ProcessSpec {
  const uid = changes.uid ?? "ins_test";
  const dirs = {
    hostDir,
    runDir: join(hostDir, "run", uid),
    configDir: join(hostDir, uid, "config"),
    dataDir: join(hostDir, uid, "data"),
  };
  for (const dir of Object.values(dirs)) {
    mkdirSync(dir, { recursive: true });
  }
  const probe = (path: string, expect: Record<string, string | boolean>) => ({ path, expect, periodSeconds: 0.1, failureThreshold: 2 });
  const spec: Omit<ProcessSpec, "specDigest"> = {
    instanceUid: uid,
    runtime: {
      software: { source: "inline", version: "1.2.3" },
      command: ["${node}", fixtureClaw],
      env: { PORT: "${port}", ...changes.env },
      secretEnv: { CLAW_TOKEN: "s3cret-token" },
      restartDigest: changes.restartDigest ?? "one",
      port: { span: 1 },
      probes: {
        startup: probe("/startupz", { status: "started" }),
        readiness: probe("/readyz", { ready: true }),
        liveness: probe("/healthz", { ok: true }),
      },
      startup: { timeoutSeconds: 20, heavy: false },
      stop: { signal: "SIGTERM", graceSeconds: 10 },
      exitCodes: { "78": { reason: "ConfigError", message: "The configuration is refused.", restart: false } },
      chat: { protocol: "openai-chat-completions", path: "/v1/chat/completions", model: "fixture", tokenEnv: "CLAW_TOKEN" },
      ...changes.runtime,
    },
    dirs,
    agentUrl: changes.agentUrl ?? "ws://127.0.0.1:9/agent/v1",
    agentToken: "agent-s3cret",
    running: changes.running ?? true,
    ...(changes.restartedAt === undefined ? {} : { restartedAt: changes.restartedAt }),
    configDigest: changes.configDigest ?? "files-1",
  };
  return { ...spec, specDigest: createHash("sha256").update(JSON.stringify(spec)).digest("hex") };
}

/** An agent process. */
export class TestAgent {
  readonly runDir: string;
  readonly child: ChildProcess;

  private constructor(runDir: string, child: ChildProcess) {
    this.runDir = runDir;
    this.child = child;
  }

  static async start(spec: ProcessSpec): Promise<TestAgent> {
    const { runDir } = spec.dirs;
    writeFileSync(join(runDir, "process.json"), JSON.stringify(spec), { mode: 0o600 });
    const child = spawn(process.execPath, [agentMain, runDir], {
      stdio: "ignore",
      env: { PATH: process.env["PATH"] ?? "", NODE_COMPILE_CACHE: join(tmpdir(), "claw-agent-test-cache") },
    });
    const agent = new TestAgent(runDir, child);
    await until(() => agent.address?.pid === child.pid || child.exitCode !== null, "the agent listens, or has nothing to do");
    return agent;
  }

  get address(): AgentAddress | undefined {
    const path = join(this.runDir, "agent.json");
    return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
  }

  async call(method: "status" | "stop" | "kill" | "shutdown" | "apply", spec?: ProcessSpec): Promise<AgentStatus> {
    const socket = createConnection(this.address?.socket ?? "");
    const text = await new Promise<string>((resolve, reject) => {
      let received = "";
      socket.on("error", reject);
      socket.on("data", (chunk) => {
        received += chunk;
        if (received.includes("\n")) {
          resolve(received);
        }
      });
      socket.write(`${JSON.stringify({ id: 1, method, spec })}\n`);
    });
    socket.destroy();
    const response = JSON.parse(text) as ControlResponse;
    if (!response.ok) {
      throw new Error(response.error);
    }
    return response.status;
  }

  async reaches(phase: AgentStatus["phase"], reason?: string, timeoutMs = 60_000): Promise<AgentStatus> {
    let status = await this.call("status");
    await until(
      async () => {
        status = await this.call("status");
        return status.phase === phase && (reason === undefined || status.reason === reason);
      },
      () => `the agent reports ${phase} ${reason ?? ""}; it reports ${JSON.stringify(status)}`,
      timeoutMs,
    );
    return status;
  }

  /** Waits until it has ended by itself, as it does with a claw that is stopped. */
  async ended(): Promise<void> {
    await until(() => this.child.exitCode !== null, "the agent ends");
  }

  log(): string {
    return readFileSync(join(this.runDir, "logs", "claw.log"), "utf8");
  }
}

/** Waits until the condition holds. */
export async function until(condition: () => boolean | Promise<boolean>, what: string | (() => string), timeoutMs = 60_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) {
      throw new Error(`not within ${timeoutMs} ms: ${typeof what === "string" ? what : what()}`);
    }
    await delay(20);
  }
}

export function isRunning(pid: number | undefined): boolean {
  try {
    return pid !== undefined && !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
