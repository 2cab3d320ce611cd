import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import {
  type AgentFrame,
  AgentFrameSchema,
  type ChannelOpen,
  digestOfHanding,
  type Handing,
  type ServerFrame,
} from "../../../sdk/contract/index.ts";
import { until } from "./harness.ts";

/** The control plane's side of the agent protocol, for tests of the agent. */
export class TestControlPlane {
  readonly url: string;
  readonly tokens: string[] = [];
  readonly frames: AgentFrame[] = [];
  connections = 0;
  socket: WebSocket | undefined;
  readonly #server: WebSocketServer;
  #channels = 0;

  private constructor(server: WebSocketServer) {
    this.#server = server;
    this.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/agent/v1`;
    server.on("connection", (socket, req) => {
      this.connections++;
      this.socket = socket;
      this.tokens.push(req.headers.authorization ?? "");
      socket.on("message", (data) => this.frames.push(AgentFrameSchema.parse(JSON.parse(data.toString()))));
    });
    onTestFinished(() => this.stop());
  }

  static async start({ port = 0, host = "127.0.0.1" } = {}): Promise<TestControlPlane> {
    const server = new WebSocketServer({ host, port });
    await new Promise<void>((resolve) => server.once("listening", resolve));
    return new TestControlPlane(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ends as a killed process does: no goodbye. */
  stop(): void {
    for (const client of this.#server.clients) {
      client.terminate();
    }
    this.#server.close();
  }

  send(frame: ServerFrame): void {
    this.socket?.send(JSON.stringify(frame));
  }

  async said(type: AgentFrame["type"]): Promise<AgentFrame> {
    await until(() => this.frames.some((frame) => frame.type === type), `a ${type} frame`);
    return this.frames.findLast((frame) => frame.type === type) as AgentFrame;
  }

  /** Delivers as the service does: by a notice, and what it is about once that is pulled. */
  async deliver(handing: Handing): Promise<void> {
    const digest = digestOfHanding(handing);
    this.send({ type: "notice", digest });
    await until(() => this.frames.some((frame) => frame.type === "pull" && frame.digest === digest), "it is pulled");
    this.send({ type: "handing", digest, content: JSON.stringify(handing) });
  }

  /** Waits until the agent says that it has stored this. */
  async stored(digest: string): Promise<void> {
    await until(
      () => this.frames.some((frame) => frame.type === "status" && frame.status.stored === digest),
      () => `'${digest}' is stored`,
    );
  }

  /** @param window grants credit by it; without one it does as a control plane that knows none */
  open(open: ChannelOpen, window?: number): TestChannel {
    const id = `c${++this.#channels}`;
    this.send({ type: "open", id, open, ...(window !== undefined && { window }) });
    return new TestChannel(this, id);
  }
}

export class TestChannel {
  readonly #plane: TestControlPlane;
  readonly id: string;

  constructor(plane: TestControlPlane, id: string) {
    this.#plane = plane;
    this.id = id;
  }

  get data(): string[] {
    return this.#plane.frames.flatMap((frame) => (frame.type === "data" && frame.id === this.id ? [frame.data] : []));
  }
  /** What the base64 frames hold together. */
  get text(): string {
    return Buffer.concat(this.data.map((data) => Buffer.from(data, "base64"))).toString("utf8");
  }
  /** What it may send. */
  get credit(): number {
    return this.#plane.frames.reduce((sum, frame) => sum + (frame.type === "credit" && frame.id === this.id ? frame.credit : 0), 0);
  }
  get end() {
    return this.#plane.frames.find((frame) => frame.type === "close" && frame.id === this.id);
  }
  send(data: string): void {
    this.#plane.send({ type: "data", id: this.id, data });
  }
  grant(credit: number): void {
    this.#plane.send({ type: "credit", id: this.id, credit });
  }
  resize(cols: number, rows: number): void {
    this.#plane.send({ type: "resize", id: this.id, cols, rows });
  }
  close(): void {
    this.#plane.send({ type: "close", id: this.id });
  }
  async ended() {
    await until(() => this.end !== undefined, "the channel ends");
    return this.end;
  }
}
