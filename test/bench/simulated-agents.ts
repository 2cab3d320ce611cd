// `node simulated-agents.ts HOST_DIR`, forked: the agents of all instances of a host in one process, without claws. Control sockets, connection and
// deliveries are the agent's own code; what there is of a claw is its files and what is said of it.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeFiles } from "../../adapters/confinement/claw-files.ts";
import { type AgentStatus, NO_CONTROL_PLANE, type ProcessSpec } from "../../sdk/contract/index.ts";
import type { AttendedClaw } from "../../service/agent/attended-claw.ts";
import { tryClaim } from "../../service/agent/claims.ts";
import { serveControl } from "../../service/agent/control-server.ts";
import { selfIdentity, sendSignal } from "../../service/agent/processes.ts";
import type { Supervisor } from "../../service/agent/supervisor.ts";
import { Uplink } from "../../service/agent/uplink.ts";

/** What the bench asks for. */
export type Asked =
  /** To be told when that many agents have files with this text in them, and when each got it. */
  | { readonly await: string; readonly of: number }
  /** Whether the agents are to be connected. */
  | { readonly dial: boolean };

/** What it is told: when each agent had its files, in milliseconds of the clock. */
export type Told = { readonly ready: true } | { readonly tookAt: readonly number[] };

const FAREWELL_MS = 20_000;
const hostDir = process.argv[2] ?? "";
const agents: SimulatedAgent[] = [];
let awaited: { readonly text: string; readonly of: number; readonly tookAt: number[] } | undefined;
let isDialling = true;

/** An agent that says of its claw that it runs, as soon as it is to. */
class SimulatedAgent {
  readonly #uplink: Uplink;
  readonly #listeners: (() => void)[] = [];
  #status: AgentStatus;
  spec: ProcessSpec;

  constructor(runDir: string, instanceUid: string) {
    this.spec = { instanceUid, running: false, agentUrl: NO_CONTROL_PLANE, dirs: { runDir } } as ProcessSpec;
    this.#status = { phase: "Stopped", reason: "Stopped", message: "", specDigest: "", restarts: 0, since: new Date().toISOString() };
    this.#uplink = new Uplink(this.#claw(), () => undefined);
  }

  get status(): AgentStatus {
    return this.#status;
  }

  apply(spec: ProcessSpec): void {
    this.spec = spec;
    const phase = spec.running ? "Ready" : "Stopped";
    this.#status = { ...this.#status, phase, reason: "Started", specDigest: spec.specDigest, stored: spec.specDigest };
    for (const listener of this.#listeners) {
      listener();
    }
    this.dial();
  }

  dial(): void {
    if (isDialling && this.spec.agentUrl !== NO_CONTROL_PLANE) {
      this.#uplink.connect();
    }
  }

  #claw(): AttendedClaw {
    const self = this;
    return {
      get identity() {
        return isDialling ? self.spec : { ...self.spec, agentUrl: NO_CONTROL_PLANE };
      },
      get status() {
        return self.#status;
      },
      port: undefined,
      chat: undefined,
      configCheck: undefined,
      channelCheck: undefined,
      files: undefined,
      process: undefined,
      usage: () => ({ cpu: 0.01, memoryBytes: 50e6, time: new Date().toISOString() }),
      async take(handing) {
        if ("spec" in handing) {
          await writeFiles(handing.spec.dirs.configDir, handing.files);
          took(Object.values(handing.files));
          self.apply(handing.spec);
        }
      },
      tellUnstored: () => undefined,
      tellDisk: () => undefined,
      tellOwnWord: () => undefined,
      onStatus: (listener) => self.#listeners.push(() => listener(self.#status)),
    };
  }

  /** Connects, or hangs up. */
  redial(): void {
    if (this.spec.agentUrl !== NO_CONTROL_PLANE) {
      this.#uplink.connect();
    }
  }
}

function took(files: readonly string[]): void {
  if (awaited && files.some((content) => content.includes(awaited?.text ?? ""))) {
    awaited.tookAt.push(Date.now());
    if (awaited.tookAt.length === awaited.of) {
      process.send?.({ tookAt: awaited.tookAt } satisfies Told);
      awaited = undefined;
    }
  }
}

for (const uid of readdirSync(join(hostDir, "run"))) {
  const runDir = join(hostDir, "run", uid);
  const agent = new SimulatedAgent(runDir, uid);
  const socket = join(runDir, "agent.sock");
  mkdirSync(runDir, { recursive: true });
  tryClaim(join(runDir, "agent.lock"));
  const supervisor: Pick<Supervisor, "spec" | "status" | "apply" | "dial" | "stop" | "kill"> = {
    get spec() {
      return agent.spec;
    },
    get status() {
      return agent.status;
    },
    apply: (spec) => agent.apply(spec),
    dial: (agentUrl) => agent.apply({ ...agent.spec, agentUrl }),
    stop: async () => agent.apply({ ...agent.spec, running: false }),
    kill: async () => undefined,
  };
  await serveControl(socket, supervisor as Supervisor, () => rmSync(socket, { force: true }));
  writeFileSync(join(runDir, "agent.json"), JSON.stringify({ ...selfIdentity(), socket }));
  agents.push(agent);
}

process.on("message", (asked: Asked) => {
  if ("await" in asked) {
    awaited = { text: asked.await, of: asked.of, tookAt: [] };
  } else {
    isDialling = asked.dial;
    for (const agent of agents) {
      agent.redial();
    }
  }
});
// A bench that was killed leaves its service, which would start a real agent for each of these.
process.on("disconnect", () => {
  const { pid } = JSON.parse(readFileSync(join(hostDir, "access.json"), "utf8"));
  sendSignal(pid, "SIGKILL");
  // Its worker goes on for as long as one operation.
  setTimeout(() => process.exit(0), FAREWELL_MS);
});
process.send?.({ ready: true } satisfies Told);
