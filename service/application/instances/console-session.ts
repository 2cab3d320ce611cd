import { createHash } from "node:crypto";
import {
  ClawError,
  CONSOLE_IDLE_MINUTES,
  newId,
  RECORDING_BYTES_MAX,
  type TenantId,
  type TerminalSize,
} from "../../../sdk/contract/index.ts";
import type { Actor } from "../../domain/access/actor.ts";
import { entryOf } from "../../domain/audit/chain.ts";
import { Asciicast } from "../../domain/instances/asciicast.ts";
import type { AgentChannel } from "../ports/instances/agents.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import type { Transactions } from "../ports/transactions.ts";

/** So much waits to be kept before the terminal is held back, and so long. */
const PART_BYTES = 64 * 1024;
const PART_MS = 2_000;
const NOTICE = "This terminal is recorded: what it shows, and not what is typed.\r\n";

export interface ConsoleDependencies {
  readonly transactions: Transactions;
  readonly cipher: SecretCipher;
  readonly log: { error(details: object, message: string): void };
}

/** A terminal that somebody opens. */
export interface OpenedConsole {
  readonly tenantId: TenantId;
  readonly instance: { readonly uid: string; readonly name: string };
  readonly actor: Actor;
  readonly size: TerminalSize;
}

/**
 * A terminal's channel as its tenant's rules have it: it is recorded where they say so, and ends when nothing is typed for too long. What can't be recorded
 * is not shown for long.
 * @param fail ends the terminal
 */
export async function attendConsole(
  channel: AgentChannel,
  opened: OpenedConsole,
  deps: ConsoleDependencies,
  fail: (error: unknown) => void,
): Promise<AgentChannel> {
  const { tenantId } = opened;
  const tenant = await deps.transactions.reads.tenant(tenantId, (tx) => tx.tenants.get(tenantId));
  const { record = false, idleMinutes = CONSOLE_IDLE_MINUTES } = tenant?.spec.consoles ?? {};
  const recorder = record ? await ConsoleRecorder.begin(opened, deps, fail) : undefined;
  const idle = setTimeout(
    () => fail(new ClawError("console.idle", `nothing was typed for ${idleMinutes} min; open another`)),
    idleMinutes * 60_000,
  );
  const end = () => {
    clearTimeout(idle);
    void recorder?.end();
  };
  return {
    send(data) {
      idle.refresh();
      return channel.send(data);
    },
    resize(cols, rows) {
      recorder?.resized(cols, rows);
      channel.resize(cols, rows);
    },
    onData(listener) {
      const show = (data: string) => {
        const kept = recorder?.shown(Buffer.from(data, "base64"));
        if (recorder?.isOver) {
          // What is not kept is not shown, and no more of it is asked for.
          return new Promise<void>(() => {});
        }
        const taken = listener(data) ?? undefined;
        return kept ? Promise.all([kept, taken]).then(() => {}) : taken;
      };
      if (recorder) {
        void show(Buffer.from(NOTICE).toString("base64"));
      }
      channel.onData(show);
    },
    onClose(listener) {
      channel.onClose((how) => {
        end();
        listener(how);
      });
    },
    close(how) {
      end();
      channel.close(how);
    },
  };
}

/** Keeps what a terminal shows, part by part. */
class ConsoleRecorder {
  readonly #id = newId("rec");
  readonly #opened: OpenedConsole;
  readonly #deps: ConsoleDependencies;
  readonly #fail: (error: unknown) => void;
  readonly #startedMs = Date.now();
  readonly #cast = new Asciicast(this.#startedMs);
  readonly #hash = createHash("sha256");
  readonly #timer: NodeJS.Timeout;
  #text = "";
  #bytes = 0;
  #parts = 0;
  /** What is being kept. */
  #kept: Promise<void> = Promise.resolve();
  #hasEnded = false;
  /** Nothing more is kept. */
  isOver = false;

  private constructor(opened: OpenedConsole, deps: ConsoleDependencies, fail: (error: unknown) => void) {
    this.#opened = opened;
    this.#deps = deps;
    this.#fail = fail;
    this.#text = this.#cast.header(opened.size, `${opened.instance.name}, opened by ${opened.actor.subject}`);
    this.#timer = setInterval(() => this.#keep(), PART_MS);
  }

  /** Puts on record that there will be one, before anything is shown. */
  static async begin(opened: OpenedConsole, deps: ConsoleDependencies, fail: (error: unknown) => void): Promise<ConsoleRecorder> {
    const recorder = new ConsoleRecorder(opened, deps, fail);
    try {
      await recorder.#begin();
      return recorder;
    } catch (error) {
      recorder.isOver = true;
      clearInterval(recorder.#timer);
      throw error;
    }
  }

  /** @returns when to go on, if not at once */
  shown(bytes: Uint8Array): Promise<void> | undefined {
    return this.#add(this.#cast.shown(bytes, Date.now()));
  }

  resized(cols: number, rows: number): void {
    void this.#add(this.#cast.resized(cols, rows, Date.now()));
  }

  /** Keeps the rest, and puts on record what it came to: a recording that is changed or cut afterwards is told by its digest. */
  async end(): Promise<void> {
    if (this.#hasEnded) {
      return;
    }
    this.#hasEnded = true;
    this.isOver = true;
    clearInterval(this.#timer);
    await this.#keep();
    const now = new Date();
    const details = { recording: this.#id, bytes: String(this.#bytes), sha256: this.#hash.digest("hex") };
    await this.#deps.transactions
      .tenant(this.#opened.tenantId, async (tx) => {
        await tx.recordings.end(this.#id, now);
        tx.audit.append(this.#entry("recording.end", now, details));
      })
      .catch((error: unknown) => this.#deps.log.error({ err: error, recording: this.#id }, "the end of a recording was not kept"));
  }

  async #begin(): Promise<void> {
    const { tenantId, instance, actor } = this.#opened;
    const now = new Date(this.#startedMs);
    const { uid, name } = instance;
    await this.#deps.transactions.tenant(tenantId, async (tx) => {
      await tx.recordings.insert({ id: this.#id, instance: { uid, name }, actor: actor.subject, startedAt: now.toISOString(), bytes: 0 });
      tx.audit.append(this.#entry("recording.begin", now, { recording: this.#id }));
    });
  }

  #entry(action: string, now: Date, details: Readonly<Record<string, string>>) {
    const { instance, actor } = this.#opened;
    const resource = { kind: "ClawInstance", name: instance.name, uid: instance.uid };
    return entryOf({ time: now.toISOString(), by: actor, action, resource, details: { ...details } });
  }

  #add(line: string): Promise<void> | undefined {
    if (this.isOver) {
      return undefined;
    }
    if (this.#bytes + Buffer.byteLength(this.#text + line) > RECORDING_BYTES_MAX) {
      const limit = `${RECORDING_BYTES_MAX / 2 ** 20} MiB`;
      this.#giveUp(`this terminal has shown what ${limit} of recording hold; open another`);
      return undefined;
    }
    this.#text += line;
    return this.#text.length >= PART_BYTES ? this.#keep() : undefined;
  }

  /** One part after another. */
  #keep(): Promise<void> {
    const text = this.#text;
    if (text !== "") {
      this.#text = "";
      const sequence = ++this.#parts;
      const bytes = Buffer.byteLength(text);
      this.#bytes += bytes;
      this.#hash.update(text);
      const { transactions, cipher, log } = this.#deps;
      const { tenantId } = this.#opened;
      const keep = () => transactions.tenant(tenantId, (tx) => tx.recordings.append(this.#id, sequence, cipher.encrypt(text), bytes));
      this.#kept = this.#kept.then(keep).catch((error: unknown) => {
        log.error({ err: error, recording: this.#id }, "a part of a recording was not kept");
        this.#giveUp("what this terminal shows can't be kept just now; open it again");
      });
    }
    return this.#kept;
  }

  #giveUp(why: string): void {
    this.isOver = true;
    this.#fail(new ClawError("console.not_recorded", why));
  }
}
