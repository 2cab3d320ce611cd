import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { afterAll } from "vitest";
import { run } from "../../sdk/cli/program.ts";

const made: string[] = [];
afterAll(() => Promise.all(made.splice(0).map((dir) => rm(dir, { recursive: true, force: true }))));

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface CliOptions {
  readonly url?: string;
  /** What is typed or piped in. */
  readonly stdin?: string | readonly string[] | AsyncIterable<string>;
  /** Whether the command believes it is on a terminal. */
  readonly tty?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly homeDir?: string;
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  /** Called with all of stdout so far, whenever there is more. */
  readonly onStdout?: (text: string) => void;
  /** The same of stderr. */
  readonly onStderr?: (text: string) => void;
}

class Capture extends Writable {
  text = "";
  readonly isTTY: boolean;
  readonly columns = 100;
  readonly rows = 40;
  readonly #onText: ((text: string) => void) | undefined;
  constructor(isTTY: boolean, onText?: (text: string) => void) {
    super({ decodeStrings: false });
    this.isTTY = isTTY;
    this.#onText = onText;
  }
  override _write(chunk: string | Uint8Array, _encoding: string, done: () => void): void {
    this.text += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString();
    this.#onText?.(this.text);
    done();
  }
}

/** A home folder of its own, removed when the file's tests are done. */
export async function tempDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "claw-cli-"));
  made.push(dir);
  return dir;
}

/** Runs `claw` in process, with nothing of the machine's own environment. */
export async function runCli(argv: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { url, stdin = "", tty = false, env = {}, homeDir = await tempDir(), cwd = homeDir, signal, onStdout, onStderr } = options;
  const stdout = new Capture(tty, onStdout);
  const stderr = new Capture(tty, onStderr);
  const input = Object.assign(Readable.from(typeof stdin === "string" ? [stdin] : stdin, { objectMode: false }), { isTTY: tty });
  const code = await run(argv, {
    stdin: input,
    stdout,
    stderr,
    env: { ...(url === undefined ? {} : { CLAW_URL: url, CLAW_TOKEN: "token-0", CLAW_TENANT: "acme" }), NO_COLOR: "1", ...env },
    homeDir,
    cwd,
    signal: signal ?? new AbortController().signal,
  });
  return { code, stdout: stdout.text, stderr: stderr.text };
}
