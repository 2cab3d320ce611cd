import { type ChildProcess, spawn } from "node:child_process";

const BOLD = process.stdout.isTTY && !process.env["NO_COLOR"] ? ["\u001b[1m", "\u001b[0m"] : ["", ""];
const started = Date.now();

/** Says what happens next; every line of the tour carries the seconds since it began. */
export function say(text: string): void {
  process.stdout.write(`${elapsed()} ${text}\n`);
}

export function headline(step: number, steps: number, text: string): void {
  process.stdout.write(`\n${elapsed()} ${BOLD[0]}[${step}/${steps}] ${text}${BOLD[1]}\n`);
}

function elapsed(): string {
  return `${((Date.now() - started) / 1000).toFixed(1).padStart(6)}s`;
}

/** Repeats a line while something takes its time, so that silence never looks like a hang. */
export async function withProgress<T>(text: string, work: (note: (detail: string) => void) => Promise<T>): Promise<T> {
  let detail = "";
  const begun = Date.now();
  const timer = setInterval(() => say(`… ${text} (${Math.round((Date.now() - begun) / 1000)} s)${detail && `: ${detail}`}`), 5000);
  try {
    return await work((next) => {
      detail = next;
    });
  } finally {
    clearInterval(timer);
  }
}

/** Runs a program with its output on the screen, as a person would have typed it. @returns its stdout @throws when it fails */
export async function shell(shown: string, command: readonly string[], env: NodeJS.ProcessEnv, waitingFor?: string): Promise<string> {
  process.stdout.write(`\n  ${BOLD[0]}$ ${shown}${BOLD[1]}\n`);
  const colour = BOLD[0] === "" ? {} : { FORCE_COLOR: "1" };
  // A terminal for its notes lets it redraw what it waits for. Elsewhere they come through the one pipe: out of two, in any order.
  const notes = process.stderr.isTTY && waitingFor === undefined ? "" : "2>&1";
  const child = spawn("sh", ["-c", `exec "$0" "$@" ${notes}`, ...command], {
    env: { ...env, ...colour },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  const firstOutput = new Promise((resolve) => child.stdout.once("data", resolve).once("end", resolve));
  if (waitingFor !== undefined) {
    void withProgress(waitingFor, () => firstOutput);
  }
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    process.stdout.write(text);
  });
  const code = await exitOf(child);
  if (code !== 0) {
    throw new Error(`'${shown}' ended with exit code ${code}`);
  }
  return output;
}

export function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? (signal ? 128 : 1)));
  });
}
