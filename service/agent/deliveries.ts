import type { AgentFrame, Handing, ServerFrame } from "../../sdk/contract/index.ts";
import type { AttendedClaw } from "./attended-claw.ts";

type Delivered = Extract<ServerFrame, { type: "notice" | "handing" }>;

/** An answer comes at once: of a later one nobody knows what the engine has done meanwhile. */
const ANSWER_MS = 3_000;
const BEGINNING_BYTES = 32;
const DIGEST_CHARS_MAX = 200;
const MESSAGE_CHARS_MAX = 500;

/** The frame that a message is, if it is about a delivery. By hand: one delivery must not cost an agent the memory of all schemas. */
export function deliveryIn(data: Buffer): Delivered | undefined {
  if (!/^\{"type":"(notice|handing)"/.test(data.toString("latin1", 0, BEGINNING_BYTES))) {
    return undefined;
  }
  try {
    const frame: Partial<Record<string, unknown>> = JSON.parse(data.toString());
    const digest = frame["digest"];
    const isWhole =
      typeof digest === "string" &&
      digest !== "" &&
      digest.length <= DIGEST_CHARS_MAX &&
      (frame["type"] === "notice" || typeof frame["content"] === "string");
    return isWhole ? (frame as unknown as Delivered) : undefined;
  } catch {
    return undefined;
  }
}

/** What is delivered over one connection: the agent pulls what a notice is about and it does not have. */
export class Deliveries {
  readonly #claw: AttendedClaw;
  readonly #send: (frame: AgentFrame) => void;
  readonly #log: (message: string) => void;
  /** Only the newest counts. */
  #pulled: { readonly digest: string; readonly atMs: number } | undefined;
  #taking: Promise<void> = Promise.resolve();

  constructor(claw: AttendedClaw, send: (frame: AgentFrame) => void, log: (message: string) => void) {
    this.#claw = claw;
    this.#send = send;
    this.#log = log;
  }

  receive(frame: Delivered): void {
    if (frame.type === "notice") {
      this.#noticed(frame);
    } else if (frame.digest === this.#pulled?.digest) {
      const { atMs } = this.#pulled;
      this.#taking = this.#taking.then(() => this.#take(frame, atMs));
    }
  }

  #noticed({ digest, anew }: Extract<Delivered, { type: "notice" }>): void {
    const { status } = this.#claw;
    this.#claw.noticed?.(digest);
    this.#pulled = undefined;
    if (status.stored === digest && !anew) {
      this.#send({ type: "status", status });
    } else {
      this.#pull(digest);
    }
  }

  #pull(digest: string): void {
    this.#pulled = { digest, atMs: performance.now() };
    this.#send({ type: "pull", digest });
  }

  async #take({ digest, content }: Extract<Delivered, { type: "handing" }>, pulledAtMs: number): Promise<void> {
    if (this.#pulled?.digest !== digest) {
      return;
    }
    if (performance.now() - pulledAtMs > ANSWER_MS) {
      return this.#pull(digest);
    }
    this.#pulled = undefined;
    try {
      await this.#claw.take(JSON.parse(content) as Handing);
    } catch (err) {
      const { message } = err as Error;
      this.#log(`what was delivered was not taken over: ${message}`);
      this.#claw.tellUnstored({ digest, message: message.slice(0, MESSAGE_CHARS_MAX) });
    }
  }
}
