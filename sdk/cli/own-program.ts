import { spawn } from "node:child_process";
import { once } from "node:events";
import { extname } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Context } from "./context.ts";
import { CliError } from "./failure.ts";

/**
 * Runs one of the package's programs that know claw types: this one knows the client alone, and is not to load them.
 * @returns the lines that it prints, and what rejects when it fails
 */
export function ownProgram({ io, signal }: Pick<Context, "io" | "signal">, name: string, args: readonly string[]) {
  const program = fileURLToPath(new URL(`../../service/roots/adapter-kit/${name}${extname(import.meta.url)}`, import.meta.url));
  // What an operator's settings are for a service is nothing to it.
  const env = Object.fromEntries(Object.entries(io.env).filter(([variable]) => !variable.startsWith("CLAW_")));
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, ...args], {
    cwd: io.cwd,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stop = () => child.kill("SIGTERM");
  signal.addEventListener("abort", stop, { once: true });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-4096);
  });
  const ended = once(child, "close").then(([code]) => {
    signal.removeEventListener("abort", stop);
    signal.throwIfAborted();
    if (code !== 0) {
      throw new CliError("a program of this package broke off", { why: said.trim().split("\n").at(-1) });
    }
  });
  // Whoever reads its lines first is told of it then.
  ended.catch(() => undefined);
  return { lines: createInterface({ input: child.stdout }), ended };
}
