import { spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { confinementOf, enter, prepareFolders } from "../../adapters/confinement/confinement.ts";
import type { ClawRuntime, ProcessSpec } from "../../sdk/contract/index.ts";
import { registrySettings } from "../../sdk/contract/registry-settings.ts";
import { confinedClaw, environmentOf, RUN_DIR_TAG, resolvePlaceholders } from "./launch.ts";

export type Preparation = NonNullable<ClawRuntime["prepare"]>[number];

const POLL_MS = 200;
const OUTPUT_BYTES = 64 * 1024;
const EXPLAIN_SECONDS = 60;
const ISSUES_MAX = 5;
const REASON_LENGTH_MAX = 300;

/** Does something for a claw before it starts. @returns why it failed; undefined when it is done, or is not wanted any more */
export async function prepareClaw(spec: ProcessSpec, preparation: Preparation, isWanted: () => boolean): Promise<string | undefined> {
  const { failure, output } = await runBeside(spec, { ...preparation, settings: registrySettings(process.env) }, isWanted);
  return failure === undefined ? undefined : (reasonIn(output) ?? failure);
}

/** What is wrong with a claw's configuration, by its own program; undefined when it finds nothing, or does not say. */
export async function explainClaw(spec: ProcessSpec, command: readonly string[], isWanted: () => boolean): Promise<string | undefined> {
  const { output } = await runBeside(spec, { command, env: {}, timeoutSeconds: EXPLAIN_SECONDS }, isWanted);
  const issues = issuesIn(output).map(({ path, message }) => (path ? `${path}: ${message}` : String(message)).slice(0, REASON_LENGTH_MAX));
  return issues.length === 0 ? undefined : issues.slice(0, ISSUES_MAX).join("; ");
}

/** Claws are not trusted: it may print anything. */
function issuesIn(output: string): readonly { readonly path?: unknown; readonly message?: unknown }[] {
  try {
    const { issues }: { issues?: unknown } = JSON.parse(output.slice(output.indexOf("{"), output.lastIndexOf("}") + 1));
    return Array.isArray(issues) ? issues.filter((issue) => typeof issue === "object" && issue !== null) : [];
  } catch {
    return [];
  }
}

interface Beside {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
  /** Beneath the claw's own variables. */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * Runs something as the claw and confined like it: with its folders, its environment and its user.
 * @param isWanted asked all the time: when it says no, what runs is ended, and that is no failure
 */
async function runBeside(
  spec: ProcessSpec,
  { command, env, timeoutSeconds, settings }: Beside,
  isWanted: () => boolean,
): Promise<{ readonly failure: string | undefined; readonly output: string }> {
  const confinement = confinementOf(spec.dirs.hostDir);
  const claw = confinedClaw(spec);
  prepareFolders(confinement, claw);
  const resolve = (text: string) => resolvePlaceholders(text, spec, 0);
  const [program = "", ...rest] = command.map(resolve);
  const { command: file, args, ...user } = enter(confinement, claw, program, rest);
  const own = Object.fromEntries(Object.entries(env).map(([name, text]) => [name, resolve(text)]));
  const child = spawn(file, [...args], {
    ...user,
    cwd: spec.dirs.dataDir,
    env: { ...settings, ...environmentOf(spec, 0), ...own, [RUN_DIR_TAG]: spec.dirs.runDir },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-OUTPUT_BYTES);
    });
  }
  let ended: string | undefined;
  child.once("error", (error) => {
    ended = error.message;
  });
  child.once("close", (code, signal) => {
    ended ??= code === 0 ? "" : (signal ?? `exit code ${code}`);
  });
  for (const deadline = Date.now() + timeoutSeconds * 1000; ended === undefined; await delay(POLL_MS)) {
    const isLate = Date.now() > deadline;
    if (isLate || !isWanted()) {
      try {
        process.kill(-(child.pid ?? 0), "SIGKILL");
      } catch {
        // It has just ended.
      }
      return { failure: isLate ? `it took longer than ${timeoutSeconds} s` : undefined, output };
    }
  }
  return { failure: ended === "" ? undefined : ended, output };
}

/** The line in which npm, or the program, says what was wrong; else the last one. */
function reasonIn(output: string): string | undefined {
  const lines = output.split("\n").map((line) => line.trim());
  const said = lines.filter((line) => line !== "");
  return (said.find((line) => /\b(E40[134]|ENOTFOUND|ECONNREFUSED|ETIMEDOUT|ENOSPC|npm error code)\b/.test(line)) ?? said.at(-1))?.slice(
    0,
    REASON_LENGTH_MAX,
  );
}
