import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const PROGRAM = fileURLToPath(new URL("./adapter-process.mjs", import.meta.url));
const CALL_MS = 2000;
/** Of a call that starts the process. */
const START_MS = 15_000;
const HEAP_MB = 64;
/** What lies beside the heap counts here: buffers. */
const MEMORY_MAX = 256 * 1024 * 1024;
const ANSWER_CHARS_MAX = 4 * 1024 * 1024;
/** For so long nobody waits for an adapter that did not answer. */
const PAUSE_MS = 15_000;

const ReplySchema = z.object({ id: z.int(), value: z.unknown().optional(), error: z.string().optional(), rss: z.number().optional() });

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/**
 * A process that answers for somebody's adapter, with bounded time and memory. One that does not is ended, and another started when it is asked again,
 * after a while: a fleet does not wait for it instance by instance.
 */
export class AdapterProcess {
  readonly #entry: string;
  readonly #readable: readonly string[];
  readonly #pending = new Map<number, Pending>();
  #child: ChildProcess | undefined;
  #asked = 0;
  #paused: { readonly untilMs: number; readonly why: string } | undefined;

  /** @param readable folders that it may read; it may write nowhere, start nothing, and has no variables */
  constructor(entry: string, readable: readonly string[]) {
    this.#entry = entry;
    this.#readable = readable;
  }

  /** @throws with what is wrong, to be read behind "the adapter" */
  async call(method: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#paused && Date.now() < this.#paused.untilMs) {
      throw new Error(this.#paused.why);
    }
    const timeoutMs = this.#child ? CALL_MS : START_MS;
    this.#child ??= this.#start();
    const id = ++this.#asked;
    const answered = new Promise<unknown>((resolve, reject) => this.#pending.set(id, { resolve, reject }));
    const timer = setTimeout(() => this.#end(`did not answer within ${timeoutMs / 1000} s`), timeoutMs);
    this.#child.send({ id, method, args }, () => undefined);
    try {
      return await answered;
    } finally {
      clearTimeout(timer);
      this.#pending.delete(id);
    }
  }

  close(): void {
    this.#end("is closed");
  }

  #start(): ChildProcess {
    const child = fork(PROGRAM, [this.#entry], {
      env: {},
      execArgv: [
        "--permission",
        ...[PROGRAM, ...this.#readable].map((path) => `--allow-fs-read=${path}`),
        `--max-old-space-size=${HEAP_MB}`,
        "--disable-warning=ExperimentalWarning",
      ],
      serialization: "advanced",
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    child.on("message", (message) => this.#take(child, message));
    child.once("error", () => this.#lost(child, "can't be started"));
    child.once("exit", (code, signal) => {
      this.#lost(child, `ended by itself (${signal ?? `exit code ${code}`}): it fails where it is loaded, or took more than ${HEAP_MB} MB`);
    });
    return child;
  }

  #take(child: ChildProcess, message: unknown): void {
    const reply = ReplySchema.safeParse(message).data;
    const pending = reply && this.#pending.get(reply.id);
    if (!reply || !pending || child !== this.#child) {
      return;
    }
    if ((reply.rss ?? 0) > MEMORY_MAX) {
      this.#end(`took more than ${MEMORY_MAX / 1024 ** 2} MB`);
    } else if (reply.error !== undefined) {
      pending.reject(new Error(`failed: ${reply.error}`));
    } else if ((JSON.stringify(reply.value) ?? "").length > ANSWER_CHARS_MAX) {
      pending.reject(new Error(`answers with more than ${ANSWER_CHARS_MAX / 1024 ** 2} MB`));
    } else {
      pending.resolve(reply.value);
    }
  }

  #lost(child: ChildProcess, why: string): void {
    if (child === this.#child) {
      this.#end(why);
    }
  }

  #end(why: string): void {
    this.#child?.kill("SIGKILL");
    this.#child = undefined;
    this.#paused = { untilMs: Date.now() + PAUSE_MS, why };
    for (const pending of [...this.#pending.values()]) {
      pending.reject(new Error(why));
    }
  }
}
