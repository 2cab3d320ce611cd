import { randomUUID } from "node:crypto";
import { flushCompileCache } from "node:module";
import { WebSocket } from "ws";
import type { AgentFrame, AgentStatus, ChannelOpen, ServerFrame, Usage } from "../../sdk/contract/index.ts";
import { type AttendedClaw, NOT_OF_THE_AGENT } from "./attended-claw.ts";
import type { ChannelContext, ChannelHandler } from "./channels/channel.ts";

const STATUS_PERIOD_MS = 30_000;
const FIRST_USAGE_MS = 3_000;
const RECONNECT_BASE_MS = 250;
const RECONNECT_MAX_MS = 5_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const FRAME_BYTES_MAX = 16 * 1024 * 1024;
const CHANNELS_MAX = 256;
/** Time for the last words to reach a control plane that is there. */
const FAREWELL_MS = 2_000;

/** The agent's connection to the control plane. It is dialled again for ever; the claw never notices. */
export class Uplink {
  readonly #claw: AttendedClaw;
  readonly #log: (message: string) => void;
  readonly #bootId = randomUUID();
  #socket: WebSocket | undefined;
  #address = "";
  #connection: Connection | undefined;
  #attempt = 0;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(claw: AttendedClaw, log: (message: string) => void) {
    this.#claw = claw;
    this.#log = log;
    claw.onStatus(() => this.#tell());
  }

  /** Connects, or connects anew when the control plane's address or the token has changed. */
  connect(): void {
    const { agentUrl, agentToken, instanceUid } = this.#claw.identity;
    const address = `${agentUrl} ${agentToken}`;
    if (this.#closed || (this.#socket && this.#address === address)) {
      return;
    }
    clearTimeout(this.#retry);
    this.#socket?.terminate();
    this.#address = address;
    const socket = new WebSocket(`${agentUrl}?instance=${encodeURIComponent(instanceUid)}`, {
      headers: { authorization: `Bearer ${agentToken}` },
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: FRAME_BYTES_MAX,
    });
    this.#socket = socket;
    const connection = new Connection(socket, this.#claw);
    this.#connection = connection;
    let isAnswered = true;
    const heartbeat = setInterval(() => {
      if (socket.readyState !== WebSocket.OPEN) {
        return;
      }
      if (!isAnswered) {
        return socket.terminate();
      }
      isAnswered = false;
      socket.ping();
      this.#tell();
    }, STATUS_PERIOD_MS);
    // A claw that has just begun has no usage to tell yet.
    const first = setTimeout(() => this.#tell(), FIRST_USAGE_MS);
    socket.on("pong", () => {
      isAnswered = true;
    });
    socket.on("open", () => {
      this.#attempt = 0;
      const { instanceUid } = this.#claw.identity;
      this.#send({ type: "hello", instanceUid, protocol: 1, bootId: this.#bootId, ...this.#report() });
    });
    socket.on("message", (data) => void connection.receive(data.toString()));
    socket.on("error", (err) => {
      if (this.#attempt === 0) {
        this.#log(`control plane: ${err.message}`);
      }
    });
    socket.on("close", () => {
      clearInterval(heartbeat);
      clearTimeout(first);
      connection.closed();
      if (this.#socket === socket) {
        this.#socket = undefined;
        this.#retryLater();
      }
    });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#socket?.close();
  }

  /** Ends the channels and the connection once all that was said is sent. One that is just being made gets the time to say it. */
  async finish(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    const socket = this.#socket;
    if (socket) {
      const late = setTimeout(() => socket.terminate(), FAREWELL_MS);
      if (socket.readyState === WebSocket.CONNECTING) {
        await new Promise<void>((resolve) => socket.once("open", resolve).once("close", () => resolve()));
      }
      this.#connection?.finish();
      await new Promise<void>((resolve) => {
        socket.once("close", () => resolve());
        socket.close();
        if (socket.readyState === WebSocket.CLOSED) {
          resolve();
        }
      });
      clearTimeout(late);
    }
  }

  #tell(): void {
    // A sample that is not sent would put off the next.
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#send({ type: "status", ...this.#report() });
    }
  }

  #report(): { status: AgentStatus; usage?: Usage } {
    const usage = this.#claw.usage();
    return { status: this.#claw.status, ...(usage && { usage }) };
  }

  #retryLater(): void {
    if (!this.#closed) {
      const ceiling = Math.min(RECONNECT_MAX_MS, RECONNECT_BASE_MS * 2 ** Math.min(this.#attempt++, 10));
      this.#retry = setTimeout(() => this.connect(), ceiling * (0.5 + Math.random() / 2));
    }
  }

  #send(frame: AgentFrame): void {
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify(frame));
    }
  }
}

/** The channels of one connection: they end with it. */
class Connection {
  readonly #socket: WebSocket;
  readonly #claw: AttendedClaw;
  readonly #channels = new Map<string, ChannelHandler | undefined>();
  /** Frames are handled in order although opening a channel may take a while. */
  #queue: Promise<void> = Promise.resolve();

  constructor(socket: WebSocket, claw: AttendedClaw) {
    this.#socket = socket;
    this.#claw = claw;
  }

  receive(text: string): void {
    this.#queue = this.#queue.then(() => this.#handle(text)).catch((err: Error) => this.#socket.close(1011, err.message.slice(0, 100)));
  }

  closed(): void {
    for (const handler of this.#channels.values()) {
      handler?.closed();
    }
    this.#channels.clear();
  }

  /** The claw has come to its end, and with it all that was open. */
  finish(): void {
    for (const [id, handler] of this.#channels) {
      // What a handler has still to say belongs before the end.
      handler?.closed();
      this.#send({ type: "close", id });
    }
    this.#channels.clear();
  }

  async #handle(text: string): Promise<void> {
    // Loaded on demand: the schemas cost more memory than the rest of an idle agent.
    const { ServerFrameSchema } = await import("../../sdk/contract/agent.ts");
    const parsed = ServerFrameSchema.safeParse(parseJson(text));
    if (!parsed.success) {
      this.#socket.close(1008, "not a frame of the agent protocol");
      return;
    }
    const frame: ServerFrame = parsed.data;
    switch (frame.type) {
      case "open":
        return this.#open(frame.id, frame.open);
      case "data":
        return this.#channels.get(frame.id)?.data?.(frame.data);
      case "resize":
        return this.#channels.get(frame.id)?.resize?.(frame.cols, frame.rows);
      case "close": {
        const handler = this.#channels.get(frame.id);
        this.#channels.delete(frame.id);
        return handler?.closed();
      }
    }
  }

  async #open(id: string, open: ChannelOpen): Promise<void> {
    if (this.#channels.has(id) || this.#channels.size >= CHANNELS_MAX) {
      const error = this.#channels.has(id) ? `channel '${id}' is open already` : `more than ${CHANNELS_MAX} channels`;
      return this.#send({ type: "close", id, error });
    }
    this.#channels.set(id, undefined);
    const ctx: ChannelContext = {
      claw: this.#claw,
      send: (data) => {
        if (this.#channels.has(id)) {
          this.#send({ type: "data", id, data });
        }
      },
      end: (result) => {
        if (this.#channels.delete(id)) {
          this.#send({ type: "close", id, ...result });
        }
      },
      backlogBytes: () => this.#socket.bufferedAmount,
    };
    const handler = await openChannel(ctx, open);
    flushCompileCache();
    if (this.#channels.has(id)) {
      this.#channels.set(id, handler);
    } else {
      handler.closed();
    }
  }

  #send(frame: AgentFrame): void {
    if (this.#socket.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify(frame));
    }
  }
}

async function openChannel(ctx: ChannelContext, open: ChannelOpen): Promise<ChannelHandler> {
  switch (open.channel) {
    case "logs":
      return (await import("./channels/logs.ts")).openLogs(ctx, open);
    case "console":
      return (await import("./channels/console.ts")).openConsole(ctx, open);
    case "tcp":
      return (await import("./channels/tcp.ts")).openTcp(ctx);
    case "chat":
      return (await import("./channels/chat.ts")).openChat(ctx, open);
    case "signal":
      ctx.claw.process?.[open.action]();
      ctx.end(ctx.claw.process ? undefined : { error: NOT_OF_THE_AGENT });
      return { closed: () => {} };
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
