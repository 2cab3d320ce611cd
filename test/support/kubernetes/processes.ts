import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const STOP_MS = 10_000;
const AGAIN_MS = 1_000;

interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** @default SIGTERM */
  readonly stopSignal?: NodeJS.Signals;
  /** Whether it is started again whenever it ends by itself, as a kubelet does: the scheduler ends when an outage has confused it. */
  readonly isKept?: boolean;
}

interface Running {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly options: StartOptions;
  readonly child: ChildProcess;
}

/** The processes of one cluster, each with a log file. They end with this process, however it ends. */
export class Processes {
  readonly #logDir: string;
  readonly #running: Running[] = [];
  #stopping = false;

  constructor(logDir: string) {
    this.#logDir = logDir;
  }

  start(name: string, command: readonly [string, ...string[]], options: StartOptions = {}): void {
    const log = openSync(join(this.#logDir, `${name}.log`), "a");
    const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...command], {
      stdio: ["ignore", log, log],
      env: { PATH: process.env["PATH"] ?? "", HOME: this.#logDir, ...options.env },
    });
    closeSync(log);
    this.#running.push({ name, command, options, child });
    if (options.isKept) {
      child.once("exit", async () => {
        await delay(AGAIN_MS);
        if (!this.#stopping) {
          await this.restart(name);
        }
      });
    }
  }

  signal(name: string, signal: NodeJS.Signals): void {
    this.#running.find((running) => running.name === name)?.child.kill(signal);
  }

  /** Starts one that was killed, as it was started before. */
  async restart(name: string): Promise<void> {
    const index = this.#running.findIndex((running) => running.name === name);
    const [ended] = this.#running.splice(index, 1);
    if (ended) {
      await hasEnded(ended.child);
      this.start(name, ended.command, ended.options);
    }
  }

  /** Waits until `condition` holds. @throws with the end of the log when a process has ended meanwhile. */
  async until<T>(what: string, condition: () => Promise<T | undefined | false>, timeoutMs = 120_000): Promise<T> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = await condition().catch(() => undefined);
      if (found) {
        return found;
      }
      const dead = this.#running.find(({ child, options }) => !options.isKept && (child.exitCode !== null || child.signalCode !== null));
      if (dead || Date.now() > deadline) {
        const { name } = dead ?? { name: this.#running.at(-1)?.name ?? "" };
        throw new Error(`${dead ? `${name} ended` : "time is up"} before ${what}:\n${this.#tail(name)}`);
      }
      await delay(40);
    }
  }

  /** Stops them, the newest first. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const { child, options } of this.#running.splice(0).reverse()) {
      child.kill(options.stopSignal ?? "SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await hasEnded(child);
      clearTimeout(timer);
    }
  }

  #tail(name: string): string {
    return readFileSync(join(this.#logDir, `${name}.log`), "utf8")
      .split("\n")
      .slice(-15)
      .join("\n");
  }
}

async function hasEnded(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    await once(child, "exit");
  }
}
