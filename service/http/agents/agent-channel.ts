import { CHANNEL_WINDOW, type ChannelOpen, ClawError, Inflow, Outflow, type ServerFrame } from "../../../sdk/contract/index.ts";
import type { AgentChannel } from "../../application/ports/instances/agents.ts";

/** Why a channel ends whose agent, or whose reader, can't go on with what came. */
export const UNREADABLE = "the instance's agent sent what can't be read";
/** What was sent before a close has so long to be taken. */
const FAREWELL_MS = 5_000;

interface End {
  readonly error?: string;
  readonly isLost?: true;
  readonly exitCode?: number;
}

interface ChannelOptions {
  readonly id: string;
  readonly open: ChannelOpen;
  /** Whether the agent grants credit. */
  readonly isGranting: boolean;
  readonly send: (frame: ServerFrame, onSent?: () => void) => void;
  readonly onGone: () => void;
}

/** The control plane's end of a channel on an agent. */
export class Channel implements AgentChannel {
  readonly #options: ChannelOptions;
  readonly #out: Outflow;
  readonly #in: Inflow;
  readonly #opened = Promise.withResolvers<void>();
  #onData: ((data: string) => Promise<void> | undefined | void) | undefined;
  #onClose: ((end: End) => void) | undefined;
  #early: string[] = [];
  #end: End | undefined;

  constructor(options: ChannelOptions) {
    const { id, isGranting, open, send } = options;
    this.#options = options;
    // One that grants nothing is sent more as its connection takes it.
    this.#out = new Outflow(isGranting ? 0 : CHANNEL_WINDOW, (data) =>
      send({ type: "data", id, data }, isGranting ? undefined : () => this.#out.grant(data.length)),
    );
    this.#in = new Inflow(isGranting ? (credit) => send({ type: "credit", id, credit }) : undefined);
    send({ type: "open", id, open, window: CHANNEL_WINDOW });
    if (!isGranting) {
      // Nor does it say that a channel is open.
      this.#opened.resolve();
    }
  }

  /** Resolves when the agent has opened it. @throws {ClawError} `instance.unreachable` with the agent's reason when it can't */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  send(data: string): Promise<void> | undefined {
    return this.#end ? undefined : this.#out.send(data);
  }

  resize(cols: number, rows: number): void {
    this.#options.send({ type: "resize", id: this.#options.id, cols, rows });
  }

  onData(listener: (data: string) => Promise<void> | undefined | void): void {
    this.#onData = listener;
    for (const data of this.#early.splice(0)) {
      this.#deliver(listener, data);
    }
  }

  onClose(listener: (end: End) => void): void {
    this.#onClose = listener;
    if (this.#end) {
      listener(this.#end);
    }
  }

  close({ keep } = { keep: false }): void {
    const end = () => {
      clearTimeout(late);
      if (!this.#end) {
        this.#sendClose(keep);
        this.#gone({});
      }
    };
    const late = setTimeout(end, FAREWELL_MS);
    this.#out.finish(end);
  }

  /** Takes what the agent sends. */
  receive(data: string): void {
    this.#opened.resolve();
    if (!this.#in.receive(data)) {
      this.fail("its reader takes less than the instance's agent sends");
    } else if (this.#onData) {
      this.#deliver(this.#onData, data);
    } else {
      this.#early.push(data);
    }
  }

  grant(credit: number): void {
    this.#opened.resolve();
    this.#out.grant(credit);
  }

  /** Ends it for a reason of this side. */
  fail(error: string): void {
    if (!this.#end) {
      this.#sendClose();
      this.end({ error });
    }
  }

  /** Its agent is not there any more. */
  lose(): void {
    if (!this.#end) {
      const error = "the agent's connection was lost";
      this.#opened.reject(new ClawError("instance.unreachable", error));
      this.#onClose?.(this.#gone({ error, isLost: true }));
    }
  }

  /** It has ended. */
  end({ error, exitCode }: { error?: string | undefined; exitCode?: number | undefined }): void {
    if (!this.#end) {
      const end = this.#gone({ ...(error !== undefined && { error }), ...(exitCode !== undefined && { exitCode }) });
      if (error === undefined) {
        this.#opened.resolve();
      } else {
        this.#opened.reject(new ClawError("instance.unreachable", error));
      }
      this.#onClose?.(end);
    }
  }

  #gone(end: End): End {
    this.#end = end;
    this.#options.onGone();
    this.#out.abandon();
    return end;
  }

  #sendClose(keep = false): void {
    this.#options.send({ type: "close", id: this.#options.id, ...(keep && { keep }) });
  }

  /** A reader that can't take what came loses its channel; the connection and the others' channels stay. */
  #deliver(listener: (data: string) => Promise<void> | undefined | void, data: string): void {
    try {
      const taken = listener(data);
      if (taken) {
        taken.then(() => this.#in.take(data)).catch(() => this.fail(UNREADABLE));
      } else {
        this.#in.take(data);
      }
    } catch {
      this.fail(UNREADABLE);
    }
  }
}
