import { randomUUID } from "node:crypto";
import { WebSocket } from "ws";
import type { AgentFrame, AgentStatus, Usage } from "../../sdk/contract/index.ts";
import type { AttendedClaw } from "./attended-claw.ts";
import { Connection } from "./connection.ts";

const STATUS_PERIOD_MS = 30_000;
const FIRST_USAGE_MS = 3_000;
const RECONNECT_BASE_MS = 250;
const RECONNECT_MAX_MS = 5_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const FRAME_BYTES_MAX = 16 * 1024 * 1024;
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
    // By value: the contract's constants are not loaded into an agent.
    if (agentUrl === "") {
      return;
    }
    const socket = new WebSocket(`${agentUrl}?instance=${encodeURIComponent(instanceUid)}`, {
      headers: { authorization: `Bearer ${agentToken}` },
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: FRAME_BYTES_MAX,
    });
    this.#socket = socket;
    const connection = new Connection(socket, this.#claw, this.#log);
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
      const can = { grants: true, resumes: true, delivers: true } as const;
      this.#send({ type: "hello", instanceUid, protocol: 1, bootId: this.#bootId, ...this.#report(), ...can });
    });
    socket.on("message", (data: Buffer, isBinary) => connection.receive(data, isBinary));
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

  /** Asks what the claw is to have: whether it is this. */
  ask(digest: string): void {
    this.#send({ type: "pull", digest });
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
