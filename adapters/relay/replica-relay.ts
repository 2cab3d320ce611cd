import { WebSocket } from "ws";
import { type ChannelOpen, ClawError, FRAME_BYTES_MAX, type InstanceId, parseJson } from "../../sdk/contract/index.ts";
import type { AgentChannel } from "../../service/application/ports/instances/agents.ts";
import {
  RELAY_PATH,
  type Relay,
  type RelayAnswer,
  RelayAnswerSchema,
  type RelayRequest,
} from "../../service/application/ports/instances/relay.ts";

/** A replica that is gone is not waited for: it is asked while somebody waits. */
const ASK_MS = 3_000;
/** Longer than an agent may take to open a channel. */
const OPEN_MS = 15_000;
/** The other side pings every 15 seconds. */
const SILENCE_MS = 38_000;
/** What may wait to be sent before its sender is held back. */
const SEND_BYTES_MAX = 256 * 1024;

export interface ReplicaRelayOptions {
  /** Where the other replicas are by now. */
  readonly urls: () => Promise<readonly string[]>;
  /** By which they know that it is one of them. */
  readonly token: string;
}

/** Channels on agents that are connected to other replicas: a WebSocket for each, to the replica that has the agent. */
export class ReplicaRelay implements Relay {
  readonly #options: ReplicaRelayOptions;

  constructor(options: ReplicaRelayOptions) {
    this.#options = options;
  }

  async open(instanceId: InstanceId, open: ChannelOpen): Promise<AgentChannel | undefined> {
    const urls = await this.#options.urls();
    const asked = urls.map((url) => this.#ask(url, instanceId));
    const has = await Promise.any(asked).catch(() => undefined);
    for (const other of asked) {
      // An agent that has just dialled anew may be known to two.
      other.then((replica) => replica !== has && replica.end()).catch(() => undefined);
    }
    await has?.open(open);
    return has;
  }

  /** Whether an agent is connected to that replica. */
  async #ask(url: string, instanceId: InstanceId): Promise<RelayedChannel> {
    const address = `${url.replace(/^http/, "ws").replace(/\/$/, "")}${RELAY_PATH}?instance=${encodeURIComponent(instanceId)}`;
    const socket = new WebSocket(address, {
      headers: { authorization: `Bearer ${this.#options.token}` },
      perMessageDeflate: false,
      handshakeTimeout: ASK_MS,
      maxPayload: FRAME_BYTES_MAX * 2,
    });
    const channel = new RelayedChannel(socket);
    const late = setTimeout(() => socket.terminate(), ASK_MS);
    try {
      await channel.isHere;
      return channel;
    } finally {
      clearTimeout(late);
    }
  }
}

type End = Parameters<Parameters<AgentChannel["onClose"]>[0]>[0];
const LOST: End = { error: "the connection to the replica that the agent is connected to was lost", isLost: true };

class RelayedChannel implements AgentChannel {
  readonly #socket: WebSocket;
  readonly #here = Promise.withResolvers<void>();
  readonly #opened = Promise.withResolvers<void>();
  readonly #data: string[] = [];
  #taking: Promise<void> | undefined;
  #onData: ((data: string) => Promise<void> | undefined | void) | undefined;
  #onClose: ((end: End) => void) | undefined;
  #end: End | undefined;
  #isTold = false;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    for (const { promise } of [this.#here, this.#opened]) {
      promise.catch(() => undefined);
    }
    let silence = setTimeout(() => socket.terminate(), SILENCE_MS);
    socket.on("ping", () => {
      clearTimeout(silence);
      silence = setTimeout(() => socket.terminate(), SILENCE_MS);
    });
    socket.on("error", () => undefined);
    socket.on("message", (data: Buffer) => {
      const answer = RelayAnswerSchema.safeParse(parseJson(data.toString()));
      answer.success ? this.#receive(answer.data) : socket.terminate();
    });
    socket.on("close", () => {
      clearTimeout(silence);
      const lost = new ClawError("instance.unreachable", LOST.error ?? "");
      this.#here.reject(lost);
      this.#opened.reject(lost);
      this.#end ??= LOST;
      this.#pump();
    });
  }

  /** Resolves when the replica says that it has the agent. */
  get isHere(): Promise<void> {
    return this.#here.promise;
  }

  async open(open: ChannelOpen): Promise<void> {
    void this.#say({ type: "open", open });
    const late = setTimeout(() => this.#socket.terminate(), OPEN_MS);
    await this.#opened.promise.finally(() => clearTimeout(late));
  }

  send(data: string): Promise<void> | undefined {
    const sent = this.#say({ type: "data", data });
    return this.#socket.bufferedAmount > SEND_BYTES_MAX ? sent : undefined;
  }

  resize(cols: number, rows: number): void {
    void this.#say({ type: "resize", cols, rows });
  }

  onData(listener: (data: string) => Promise<void> | undefined | void): void {
    this.#onData = listener;
    this.#pump();
  }

  onClose(listener: (end: End) => void): void {
    this.#onClose = listener;
    this.#pump();
  }

  close({ keep } = { keep: false }): void {
    // Whoever closes it needs no word of that.
    this.#isTold = true;
    void this.#say({ type: "close", keep });
    this.end();
  }

  end(): void {
    this.#socket.close();
  }

  #receive(answer: RelayAnswer): void {
    switch (answer.type) {
      case "here":
        this.#here.resolve();
        break;
      case "opened":
        this.#opened.resolve();
        break;
      case "refused":
        this.#opened.reject(new ClawError("instance.unreachable", answer.message));
        this.end();
        break;
      case "data":
        this.#data.push(answer.data);
        this.#pump();
        break;
      case "end": {
        const { error, exitCode, isLost } = answer;
        this.#end ??= { ...(error !== undefined && { error }), ...(exitCode !== undefined && { exitCode }), ...(isLost && { isLost }) };
        this.#pump();
      }
    }
  }

  /** Gives what has come, one after the other, and reads no more while that takes time; its end comes last. */
  #pump(): void {
    while (!this.#taking && this.#onData && this.#data.length > 0) {
      const taken = this.#onData(this.#data.shift() ?? "");
      if (taken) {
        this.#socket.pause();
        this.#taking = taken
          .catch(() => this.#socket.terminate())
          .then(() => {
            this.#taking = undefined;
            this.#socket.resume();
            this.#pump();
          });
      }
    }
    if (this.#end && this.#data.length === 0 && !this.#taking && this.#onClose && !this.#isTold) {
      this.#isTold = true;
      this.#onClose(this.#end);
    }
  }

  /** Resolves when it has left this process, or can't any more. */
  #say(request: RelayRequest): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.send(JSON.stringify(request), () => resolve());
    return promise;
  }
}
