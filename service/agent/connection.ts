import { flushCompileCache } from "node:module";
import { isDeepStrictEqual } from "node:util";
import { WebSocket } from "ws";
import { CHANNEL_WINDOW, Inflow, Outflow } from "../../sdk/contract/flow.ts";
import type { AgentFrame, ChannelOpen } from "../../sdk/contract/index.ts";
import { type AttendedClaw, NOT_OF_THE_AGENT } from "./attended-claw.ts";
import type { ChannelContext, ChannelHandler } from "./channels/channel.ts";
import { Deliveries, deliveryIn } from "./deliveries.ts";

const CHANNELS_MAX = 256;
/** What opens a view is short. */
const VIEW_OPEN_BYTES_MAX = 400;

interface Channel {
  readonly out: Outflow;
  readonly in: Inflow;
  /** Absent while it is being opened. */
  handler: ChannelHandler | undefined;
}

/** The channels of one connection: they end with it. */
export class Connection {
  readonly #socket: WebSocket;
  readonly #claw: AttendedClaw;
  readonly #log: (message: string) => void;
  readonly #channels = new Map<string, Channel>();
  readonly #deliveries: Deliveries;
  /** Frames are handled in order although opening a channel may take a while. */
  #queue: Promise<void> = Promise.resolve();
  #isUnderstood = true;

  constructor(socket: WebSocket, claw: AttendedClaw, log: (message: string) => void) {
    this.#socket = socket;
    this.#claw = claw;
    this.#log = log;
    this.#deliveries = new Deliveries(claw, (frame) => this.#send(frame), log);
  }

  receive(data: Buffer, isBinary: boolean): void {
    const delivered = isBinary ? undefined : deliveryIn(data);
    if (delivered) {
      this.#deliveries.receive(delivered);
      return;
    }
    const view = isBinary ? undefined : viewOpenIn(data);
    this.#queue = this.#queue
      .then(() => (view ? this.#open(view.id, { channel: "config" }, view.window) : this.#handle(data, isBinary)))
      .catch((err: Error) => this.#log(`a frame was not handled: ${err.message}`));
  }

  closed(): void {
    this.#claw.noticed?.(undefined);
    for (const id of this.#channels.keys()) {
      this.#forget(id, true);
    }
  }

  /** The claw has come to its end, and with it all that was open. */
  finish(): void {
    for (const [id, channel] of this.#channels) {
      channel.handler?.lastWords?.();
      this.#forget(id);
      this.#send({ type: "close", id });
    }
  }

  async #handle(data: Buffer, isBinary: boolean): Promise<void> {
    // Loaded on demand: the schemas cost more memory than the rest of an idle agent.
    const { readFrame, ServerFrameSchema } = await import("../../sdk/contract/agent.ts");
    const read = readFrame(ServerFrameSchema, data, isBinary);
    if (read.frame === undefined) {
      this.#unreadable(read.channel);
      return;
    }
    const { frame } = read;
    if (frame.type === "notice" || frame.type === "handing") {
      return;
    }
    if (frame.type === "open") {
      await this.#open(frame.id, frame.open, frame.window);
      return;
    }
    const channel = this.#channels.get(frame.id);
    if (!channel) {
      // It has ended here, which the other side could not know yet.
      return;
    }
    try {
      switch (frame.type) {
        case "data":
          return this.#data(frame.id, channel, frame.data);
        case "credit":
          return channel.out.grant(frame.credit);
        case "resize":
          return channel.handler?.resize?.(frame.cols, frame.rows);
        case "close":
          return this.#forget(frame.id, frame.keep === true);
      }
    } catch (err) {
      this.#fail(frame.id, `the agent could not handle it: ${(err as Error).message}`);
    }
  }

  #data(id: string, { in: inflow, handler }: Channel, data: string): void {
    if (!inflow.receive(data)) {
      this.#fail(id, "more was sent than was granted: the instance reads too slowly");
      return;
    }
    const isTaken = handler?.data?.(data);
    if (isTaken) {
      isTaken.then(() => this.#channels.has(id) && inflow.take(data)).catch((err: Error) => this.#fail(id, err.message));
    } else {
      inflow.take(data);
    }
  }

  #unreadable(id: string | undefined): void {
    if (this.#isUnderstood) {
      this.#isUnderstood = false;
      this.#log(`the control plane sent what is no frame of the agent protocol${id === undefined ? "" : ` on channel '${id}'`}`);
    }
    if (id !== undefined) {
      this.#fail(id, "the control plane sent what the agent can't read");
    }
  }

  async #open(id: string, open: ChannelOpen, window: number | undefined): Promise<void> {
    if (this.#channels.has(id)) {
      this.#fail(id, `channel '${id}' is open already`);
      return;
    }
    if (this.#channels.size >= CHANNELS_MAX) {
      this.#fail(id, `more than ${CHANNELS_MAX} channels`);
      return;
    }
    const isGranting = window !== undefined;
    const grant = (credit: number) => this.#send({ type: "credit", id, credit });
    const channel: Channel = {
      // To one that grants nothing, what the connection has taken may be sent again.
      out: new Outflow(window ?? CHANNEL_WINDOW, (data) =>
        this.#send({ type: "data", id, data }, isGranting ? undefined : () => channel.out.grant(data.length)),
      ),
      in: new Inflow(isGranting ? grant : undefined),
      handler: undefined,
    };
    this.#channels.set(id, channel);
    const isOpen = () => this.#channels.get(id) === channel;
    const ctx: ChannelContext = {
      claw: this.#claw,
      send: (data) => (isOpen() ? channel.out.send(data) : undefined),
      end: (result) => {
        if (isOpen()) {
          channel.out.finish(() => {
            this.#channels.delete(id);
            this.#send({ type: "close", id, ...result });
          });
        }
      },
    };
    const handler = await openChannel(ctx, open).catch((err: Error) => {
      this.#fail(id, `the channel can't be opened: ${err.message}`);
      return undefined;
    });
    flushCompileCache();
    if (!isOpen()) {
      handler?.closed(true);
      return;
    }
    channel.handler = handler;
    if (isGranting) {
      // The first says that it is open.
      grant(CHANNEL_WINDOW);
    }
  }

  /** Ends a channel for a reason of this side. */
  #fail(id: string, error: string): void {
    this.#forget(id);
    this.#send({ type: "close", id, error });
  }

  #forget(id: string, isKept = false): void {
    const channel = this.#channels.get(id);
    this.#channels.delete(id);
    channel?.out.abandon();
    channel?.handler?.closed(isKept);
  }

  #send(frame: AgentFrame, onSent?: () => void): void {
    if (this.#socket.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify(frame), onSent);
    }
  }
}

/**
 * The channel that a message opens to see what the claw is configured with. By hand: whole fleets are asked that, and it must not cost each agent the
 * time and the memory of all schemas.
 */
function viewOpenIn(data: Buffer): { readonly id: string; readonly window: number | undefined } | undefined {
  if (data.length > VIEW_OPEN_BYTES_MAX || !data.toString("latin1").startsWith('{"type":"open"')) {
    return undefined;
  }
  try {
    const { id, open, window }: Partial<Record<string, unknown>> = JSON.parse(data.toString());
    const isWhole = typeof id === "string" && id !== "" && (window === undefined || (typeof window === "number" && window > 0));
    return isWhole && isDeepStrictEqual(open, { channel: "config" }) ? { id, window: window as number | undefined } : undefined;
  } catch {
    return undefined;
  }
}

async function openChannel(ctx: ChannelContext, open: ChannelOpen): Promise<ChannelHandler> {
  switch (open.channel) {
    case "logs":
      return (await import("./channels/logs.ts")).openLogs(ctx, open);
    case "console":
      return (await import("./channels/console.ts")).openConsole(ctx, open);
    case "tcp":
      return (await import("./channels/tcp.ts")).openTcp(ctx, open);
    case "chat":
      return (await import("./channels/chat.ts")).openChat(ctx, open);
    case "config":
      return (await import("./channels/config.ts")).openConfig(ctx);
    case "signal":
      ctx.claw.process?.[open.action]();
      ctx.end(ctx.claw.process ? undefined : { error: NOT_OF_THE_AGENT });
      return { closed: () => {} };
  }
}
