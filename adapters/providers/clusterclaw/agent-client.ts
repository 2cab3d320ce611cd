import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, openSync, statSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { createConnection } from "node:net";
import { extname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import {
  AgentAddressSchema,
  type AgentStatus,
  type ControlRequest,
  ControlResponseSchema,
  parseJson,
  registrySettings,
} from "../../../sdk/contract/index.ts";
import type { Revival } from "../../../service/application/ports/instances/host-agents.ts";

const START_TIMEOUT_MS = 30_000;
const RESTART_MS = 250;
const ANSWER_TIMEOUT_MS = 10_000;
const ANSWER_CHARS_MAX = 1024 * 1024;
const AGENT_LOG_BYTES_MAX = 1024 * 1024;

type ControlCall = ControlRequest extends infer R ? (R extends { id: number } ? Omit<R, "id"> : never) : never;

/** How this host's agents are started. */
export interface AgentLauncher {
  /** The agent's entry file. */
  readonly agentMain: string;
  /** The program that runs it. */
  readonly nodePath: string;
}

/** The agent of this very checkout, on this very Node.js. */
export const localLauncher: AgentLauncher = {
  agentMain: fileURLToPath(new URL(`../../../service/agent/main${extname(import.meta.url)}`, import.meta.url)),
  nodePath: process.execPath,
};

/** Nobody answers on the run directory's control socket, or no longer. */
export class AgentNotRunningError extends Error {
  constructor(runDir: string) {
    super(`no agent answers in '${runDir}'`);
    this.name = "AgentNotRunningError";
  }
}

/** Asks the agent of a run directory. @throws {AgentNotRunningError} */
export async function callAgent(
  runDir: string,
  call: ControlCall,
  options: { timeoutMs?: number; signal?: AbortSignal | undefined } = {},
): Promise<AgentStatus> {
  const socketPath = await readSocketPath(runDir);
  if (socketPath === undefined) {
    throw new AgentNotRunningError(runDir);
  }
  const line = await exchange(runDir, socketPath, `${JSON.stringify({ ...call, id: 1 })}\n`, options);
  const { data: response } = ControlResponseSchema.safeParse(parseJson(line));
  if (!response) {
    throw new Error(`the agent in '${runDir}' answers '${call.method}' with what is no answer of its protocol`);
  }
  if (!response.ok) {
    throw new Error(`the agent in '${runDir}' refuses '${call.method}': ${response.error}`);
  }
  return response.status;
}

async function readSocketPath(runDir: string): Promise<string | undefined> {
  const text = await readFile(join(runDir, "agent.json"), "utf8").catch(() => undefined);
  return text === undefined ? undefined : AgentAddressSchema.parse(JSON.parse(text)).socket;
}

function exchange(
  runDir: string,
  socketPath: string,
  request: string,
  options: { timeoutMs?: number; signal?: AbortSignal | undefined },
): Promise<string> {
  const { timeoutMs = ANSWER_TIMEOUT_MS, signal } = options;
  return new Promise((resolve, reject) => {
    let received = "";
    const socket = createConnection(socketPath);
    const fail = (err: Error) => {
      socket.destroy();
      reject(err);
    };
    const timer = setTimeout(() => fail(new Error(`the agent in '${runDir}' did not answer within ${timeoutMs / 1000} s`)), timeoutMs);
    const onAbort = () => fail(new Error("cancelled"));
    signal?.addEventListener("abort", onAbort, { once: true });
    socket.setEncoding("utf8");
    socket.on("connect", () => socket.write(request));
    socket.on("data", (text: string) => {
      received += text;
      const end = received.indexOf("\n");
      if (end >= 0) {
        socket.destroy();
        resolve(received.slice(0, end));
      } else if (received.length > ANSWER_CHARS_MAX) {
        fail(new Error(`the agent in '${runDir}' answers more than ${ANSWER_CHARS_MAX} characters`));
      }
    });
    socket.on("error", () => fail(new AgentNotRunningError(runDir)));
    socket.on("close", () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      fail(new AgentNotRunningError(runDir));
    });
  });
}

/** Whether there is an agent, or one that died and may have left its claw: one that has seen to the end of a stopped claw takes its address away. */
export async function hasAgent(runDir: string): Promise<boolean> {
  return (await stat(join(runDir, "agent.json")).catch(() => undefined)) !== undefined;
}

/** What is of interest here of a stored specification, whatever version of this program wrote it. */
const StoredSpecSchema = z.object({ running: z.boolean(), specDigest: z.string() });

/** What a run directory is for; undefined when there is nothing. */
export async function readSpec(runDir: string): Promise<z.infer<typeof StoredSpecSchema> | undefined> {
  const text = await readFile(join(runDir, "process.json"), "utf8").catch(() => undefined);
  return text === undefined ? undefined : StoredSpecSchema.parse(JSON.parse(text));
}

/** Whether the run directory's specification wants a claw that runs, or something of one may be left. */
async function needsAgent(runDir: string): Promise<boolean> {
  const spec = await readSpec(runDir);
  return spec !== undefined && (spec.running || (await hasAgent(runDir)));
}

/**
 * Asks the agent of a run directory, and starts one where none answers: it takes over what it finds, and outlives this process. Undefined when
 * none is needed: the claw is to be stopped, and is.
 */
export async function askAgent(
  runDir: string,
  hostDir: string,
  launcher: AgentLauncher,
  call: ControlCall,
  options: { timeoutMs?: number; signal?: AbortSignal | undefined } = {},
): Promise<AgentStatus | undefined> {
  let agent: ChildProcess | undefined;
  for (const deadline = Date.now() + START_TIMEOUT_MS; ; await delay(25)) {
    try {
      return await callAgent(runDir, call, options);
    } catch (err) {
      if (!(err instanceof AgentNotRunningError)) {
        throw err;
      }
    }
    if (!(await needsAgent(runDir))) {
      return undefined;
    }
    if (agent && (agent.exitCode === 0 || agent.signalCode !== null)) {
      // Another one supervised the claw still, which may have been about to end; or somebody killed it before it could answer.
      await delay(RESTART_MS);
      agent = undefined;
    }
    agent ??= startAgent(runDir, hostDir, launcher);
    if (Date.now() > deadline) {
      throw new Error(
        `AgentNotStarted: the agent in '${runDir}' did not start within ${START_TIMEOUT_MS / 1000} s; see logs/agent.log there`,
      );
    }
  }
}

/** Ends claw and agent of a run directory whose specification wants neither, whichever of them died before. */
export async function endAgent(
  runDir: string,
  hostDir: string,
  launcher: AgentLauncher,
  options: { timeoutMs: number; signal: AbortSignal | undefined },
): Promise<void> {
  while (await needsAgent(runDir)) {
    await askAgent(runDir, hostDir, launcher, { method: "stop" }, options);
    await endStopped(runDir);
  }
}

/** Ends the agent of a stopped claw: one of an earlier version stays. */
async function endStopped(runDir: string): Promise<void> {
  await callAgent(runDir, { method: "shutdown" }).catch((err: Error) => {
    if (!(err instanceof AgentNotRunningError)) {
      throw err;
    }
  });
}

/** There is one agent for each running claw, and little to do for it: memory goes before speed. Code is cached under them: others would not find it. */
const AGENT_FLAGS = ["--max-semi-space-size=1", "--optimize-for-size"];

function agentEnv(hostDir: string): Record<string, string> {
  const { PATH, TMPDIR } = process.env;
  return {
    // For what its claw is to have before it starts.
    ...registrySettings(process.env),
    ...(PATH === undefined ? {} : { PATH }),
    ...(TMPDIR === undefined ? {} : { TMPDIR }),
    NODE_COMPILE_CACHE: cacheDir(hostDir),
  };
}

function cacheDir(hostDir: string): string {
  return join(hostDir, "agent-cache");
}

/**
 * Compiles the agent once for all that start on the host: one that has to do it itself holds the type stripper and what it compiled for good,
 * more than twice the memory. Without a specification an agent loads its code, leaves it in the cache and ends.
 */
export async function warmAgents(hostDir: string, { agentMain, nodePath }: AgentLauncher): Promise<void> {
  if (!existsSync(cacheDir(hostDir))) {
    const agent = spawn(nodePath, [...AGENT_FLAGS, agentMain, cacheDir(hostDir)], { env: agentEnv(hostDir), stdio: "ignore" });
    // One that can't be started is told of by the agent that can't.
    await once(agent, "exit").catch(() => undefined);
  }
}

function startAgent(runDir: string, hostDir: string, { agentMain, nodePath }: AgentLauncher): ChildProcess {
  mkdirSync(join(runDir, "logs"), { recursive: true, mode: 0o700 });
  const logPath = join(runDir, "logs", "agent.log");
  const isFull = (statSync(logPath, { throwIfNoEntry: false })?.size ?? 0) > AGENT_LOG_BYTES_MAX;
  const log = openSync(logPath, isFull ? "w" : "a", 0o600);
  try {
    const options = { cwd: runDir, env: agentEnv(hostDir), detached: true };
    const agent = spawn(nodePath, [...AGENT_FLAGS, agentMain, runDir], { ...options, stdio: ["ignore", log, log] });
    agent.on("error", () => undefined).unref();
    return agent;
  } finally {
    closeSync(log);
  }
}

/** Sees to it that the agents of a host run and dial the control plane where it is now, as the port says. */
export async function reviveAgents(hostDir: string, agentUrl: string, launcher: AgentLauncher): Promise<Revival> {
  const revival = { revived: [] as string[], failed: [] as string[], stopped: [] as string[] };
  for (const uid of await readdir(join(hostDir, "run")).catch(() => [])) {
    const runDir = join(hostDir, "run", uid);
    if (!(await needsAgent(runDir).catch(() => true))) {
      revival.stopped.push(uid);
      continue;
    }
    try {
      const { phase } = await callAgent(runDir, { method: "dial", agentUrl });
      await (phase === "Stopped" && endStopped(runDir));
    } catch {
      await askAgent(runDir, hostDir, launcher, { method: "dial", agentUrl }).then(
        () => revival.revived.push(uid),
        () => revival.failed.push(uid),
      );
    }
  }
  return revival;
}
