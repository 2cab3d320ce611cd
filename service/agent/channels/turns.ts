import type { ChatEvent } from "../../../sdk/contract/index.ts";
import type { ChannelContext } from "./channel.ts";

/** Nobody comes back for an answer later than this. */
const KEPT_MS = 5 * 60_000;
/** Answers of one claw that are kept at a time. */
const TURNS_MAX = 64;
/** What of an answer is kept for who comes back, in characters. */
const KEPT_CHARS = 1024 * 1024;
/** How far an answer may be ahead of its reader before the claw is read no more. */
const AHEAD_CHARS = 64 * 1024;

/** The answer to one message: its events, numbered from 1, for whoever reads them now and whoever comes back. */
export class Turn {
  readonly #onAbandon: () => void;
  readonly #isKept: boolean;
  readonly #events: string[] = [];
  /** Events that are not kept any more. */
  #dropped = 0;
  #chars = 0;
  /** Number of the last event that somebody has read. */
  #read = 0;
  /** Characters of the events that nobody has read yet. */
  #ahead = 0;
  #isOver = false;
  #reader: ChannelContext | undefined;
  #wake: () => void = () => {};
  #room: PromiseWithResolvers<void> | undefined;
  #expiry: NodeJS.Timeout | undefined;
  #onExpired: () => void = () => {};

  /** @param isKept whether somebody may come back for it @param onAbandon nobody will: stops the claw */
  constructor(isKept: boolean, onAbandon: () => void) {
    this.#isKept = isKept;
    this.#onAbandon = onAbandon;
  }

  /** Takes an event. @returns when to go on, if not at once */
  push(event: ChatEvent): Promise<void> | undefined {
    if (this.#isOver) {
      return undefined;
    }
    const seq = this.#dropped + this.#events.length + 1;
    const text = JSON.stringify(this.#isKept ? { ...event, seq } : event);
    this.#events.push(text);
    this.#chars += text.length;
    this.#ahead += text.length;
    this.#isOver = event.type === "done" || event.type === "error";
    this.#wake();
    if (this.#ahead < (this.#reader ? AHEAD_CHARS : KEPT_CHARS)) {
      return undefined;
    }
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  /** Gives its events behind a number, and those to come; who read it until now reads no more. */
  async attach(ctx: ChannelContext, after: number): Promise<void> {
    clearTimeout(this.#expiry);
    this.#reader?.end({ error: "the answer is read elsewhere" });
    this.#reader = ctx;
    this.#wake();
    if (after < this.#dropped) {
      ctx.send(
        JSON.stringify({ type: "gap", message: "a part of the answer is not kept any more", seq: this.#dropped } satisfies ChatEvent),
      );
    }
    this.#read = Math.min(Math.max(after, this.#dropped), this.#dropped + this.#events.length);
    this.#ahead = this.#events.slice(this.#read - this.#dropped).reduce((sum, { length }) => sum + length, 0);
    while (this.#reader === ctx) {
      const text = this.#events[this.#read - this.#dropped];
      if (text !== undefined) {
        this.#read++;
        this.#ahead -= text.length;
        this.#dropRead();
        await ctx.send(text);
      } else if (this.#isOver) {
        // What was sent may be lost on its way.
        this.detach(ctx, true);
        ctx.end();
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  /** Its reader is gone. @param mayReturn it was lost, and did not leave */
  detach(ctx: ChannelContext, mayReturn: boolean): void {
    if (this.#reader !== ctx) {
      return;
    }
    this.#reader = undefined;
    this.#wake();
    if (this.#isKept && (mayReturn || this.#isOver)) {
      this.#goOn();
      this.#expiry = setTimeout(() => this.abandon(), KEPT_MS);
      this.#expiry.unref();
    } else {
      this.abandon();
    }
  }

  abandon(): void {
    clearTimeout(this.#expiry);
    this.#isOver = true;
    this.#goOn();
    this.#onAbandon();
    this.#onExpired();
  }

  onExpired(listener: () => void): void {
    this.#onExpired = listener;
  }

  get isRead(): boolean {
    return this.#reader !== undefined;
  }

  #dropRead(): void {
    while ((this.#chars > KEPT_CHARS || !this.#isKept) && this.#dropped < this.#read - 1) {
      this.#chars -= this.#events.shift()?.length ?? 0;
      this.#dropped++;
    }
    this.#goOn();
  }

  #goOn(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}

/** The answers of a claw that somebody may come back for, by session and name. */
export class Turns {
  readonly #turns = new Map<string, Turn>();

  find(session: string, name: string): Turn | undefined {
    return this.#turns.get(`${session}\n${name}`);
  }

  keep(session: string, name: string, turn: Turn): void {
    const key = `${session}\n${name}`;
    if (this.#turns.size >= TURNS_MAX) {
      [...this.#turns.values()].find(({ isRead }) => !isRead)?.abandon();
    }
    this.#turns.set(key, turn);
    turn.onExpired(() => this.#turns.delete(key));
  }
}
