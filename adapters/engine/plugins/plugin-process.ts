import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { PluginLaunch } from "./locate-plugin.ts";

/** Only one that hangs takes so long: a host that has much else to do slows a start down many times over. */
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 5_000;
const LINES_KEPT = 20;

/** A running plugin: a process that printed the port it serves on. */
export class PluginProcess {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #lastLines: string[];

  private constructor(child: ChildProcess, port: number, lastLines: string[]) {
    this.#child = child;
    this.port = port;
    this.#lastLines = lastLines;
  }

  /** @throws when no port was printed in a minute, with the last lines of what was. */
  static async start(
    launch: PluginLaunch,
    engineAddress: string,
    env: Readonly<Record<string, string | undefined>>,
  ): Promise<PluginProcess> {
    // A process group of its own: a plugin is often a shell wrapper, and its children must end with it.
    const child = spawn(launch.command, [...launch.args, engineAddress], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const lastLines: string[] = [];
    const keep = (line: string) => {
      lastLines.push(line);
      if (lastLines.length > LINES_KEPT) {
        lastLines.shift();
      }
    };
    const { promise: firstLine, resolve, reject } = Promise.withResolvers<string>();
    const stdout = createInterface({ input: child.stdout });
    stdout.once("line", resolve);
    stdout.on("line", keep);
    createInterface({ input: child.stderr }).on("line", keep);
    child.once("error", reject);
    // When it has closed, what it printed is known, too.
    child.once("close", (code, signal) => reject(new Error(`it ended with ${signal ?? `exit code ${code}`}`)));
    const timer = setTimeout(() => reject(new Error(`it printed no port in ${START_TIMEOUT_MS / 1000} seconds`)), START_TIMEOUT_MS);
    try {
      const line = await firstLine;
      const port = Number(line.trim());
      if (!Number.isInteger(port) || port < 1 || port > 65_535) {
        throw new Error(`its first line is no port: ${line}`);
      }
      return new PluginProcess(child, port, lastLines);
    } catch (cause) {
      killGroup(child, "SIGKILL");
      const reason = cause instanceof Error ? cause.message : String(cause);
      const printed = lastLines.length > 0 ? `; it printed:\n${lastLines.join("\n")}` : "";
      throw new Error(`plugin ${launch.command} did not start: ${reason}${printed}`, { cause });
    } finally {
      clearTimeout(timer);
    }
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get lastLines(): string {
    return this.#lastLines.join("\n");
  }

  async endsWithin(ms: number): Promise<boolean> {
    if (!this.isAlive) {
      return true;
    }
    const timeout = AbortSignal.timeout(ms);
    return once(this.#child, "exit", { signal: timeout }).then(
      () => true,
      () => false,
    );
  }

  /** Asks it to end, and makes it after five seconds. */
  async stop(): Promise<void> {
    if (!this.isAlive) {
      return;
    }
    const exited = once(this.#child, "exit");
    killGroup(this.#child, "SIGINT");
    const timer = setTimeout(() => this.kill(), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  }

  kill(): void {
    killGroup(this.#child, "SIGKILL");
  }
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) {
    return;
  }
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group has ended already.
  }
}
