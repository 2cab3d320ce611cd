import { randomUUID } from "node:crypto";
import type { FastifyBaseLogger } from "fastify";
import type { WebSocket } from "ws";
import {
  AgentFrameSchema,
  type AgentStatus,
  type ChannelOpen,
  ClawError,
  type InstanceId,
  type ServerFrame,
  type Usage,
} from "../../sdk/contract/index.ts";
import type { AgentChannel, Agents } from "../application/ports/agents.ts";

const PING_MS = 15_000;

export interface AgentGatewayOptions {
  /** Whether the token is that instance's; takes the same time for any wrong one. */
  readonly verifyAgent: (uid: InstanceId, token: string) => boolean;
  readonly onStatus: (uid: InstanceId, status: AgentStatus) => Promise<unknown>;
  readonly onUsage: (uid: InstanceId, usage: Usage) => void;
  readonly onDisconnect: (uid: InstanceId) => Promise<unknown>;
  readonly log: Pick<FastifyBaseLogger, "error" | "warn">;
}

/** The agents that dialled in, by instance; the newest connection of an instance is the one that counts. */
export interface AgentGateway extends Agents {
  /** Takes over a socket of `GET /agent/v1`. */
  accept(socket: WebSocket, uid: string, token: string): void;
  /** Lets the agents go, and resolves when what they reported is written. */
  close(): Promise<void>;
}

interface Connection {
  readonly socket: WebSocket;
  readonly channels: Map<string, Channel>;
  status: AgentStatus | undefined;
}

export function createAgentGateway(options: AgentGatewayOptions): AgentGateway {
  const connections = new Map<string, Connection>();
  /** Reports of an instance are written one after another, whichever connection they came by: the last one is the one that stays. */
  const writing = new Map<string, Promise<unknown>>();
  let closing = false;
  return {
    status: (uid) => connections.get(uid)?.status,
    open(uid, open) {
      const connection = connections.get(uid);
      if (!connection) {
        throw new ClawError("instance.unreachable", `the agent of instance '${uid}' is not connected; is the instance running?`);
      }
      const channel = new Channel(connection, randomUUID());
      channel.start(open);
      return channel;
    },
    accept(socket, uid, token) {
      if (!options.verifyAgent(uid as InstanceId, token)) {
        socket.close(4401, "the token is not this instance's");
        return;
      }
      connections.get(uid)?.socket.terminate();
      const connection: Connection = { socket, channels: new Map(), status: undefined };
      connections.set(uid, connection);
      serve(connection, uid as InstanceId);
    },
    async close() {
      closing = true;
      for (const { socket } of connections.values()) {
        socket.close(1001, "the service is stopping");
      }
      await Promise.all(writing.values());
    },
  };

  /** A reader that can't take what came loses its channel; the connection and the others' channels stay. */
  function deliver(channel: Channel | undefined, data: string): void {
    try {
      channel?.receive(data);
    } catch (err) {
      options.log.warn({ err }, "a channel's reader could not take what an agent sent");
      channel?.close();
      channel?.end({ error: "the instance's agent sent what can't be read" });
    }
  }

  function serve(connection: Connection, uid: InstanceId): void {
    const { socket } = connection;
    let alive = true;
    const write = (work: () => Promise<unknown>) => {
      // That the service stops says nothing of an agent.
      if (closing) {
        return;
      }
      const written = Promise.resolve(writing.get(uid))
        .then(work)
        .catch((err: unknown) => options.log.error({ err, instance: uid }, "a report of an agent was not written"))
        .finally(() => writing.get(uid) === written && writing.delete(uid));
      writing.set(uid, written);
    };
    const ping = setInterval(() => {
      if (!alive) {
        socket.terminate();
        return;
      }
      alive = false;
      socket.ping();
    }, PING_MS);
    socket.on("pong", () => {
      alive = true;
    });
    socket.on("error", (err) => options.log.warn({ err, instance: uid }, "an agent's connection failed"));
    socket.on("message", (data) => {
      const parsed = AgentFrameSchema.safeParse(parseJson(data.toString()));
      if (!parsed.success) {
        socket.close(1008, "not a frame of the agent protocol");
        return;
      }
      const frame = parsed.data;
      if (frame.type === "hello" || frame.type === "status") {
        connection.status = frame.status;
        write(() => options.onStatus(uid, frame.status));
        if (frame.usage) {
          options.onUsage(uid, frame.usage);
        }
      } else if (frame.type === "data") {
        deliver(connection.channels.get(frame.id), frame.data);
      } else {
        connection.channels.get(frame.id)?.end(frame);
      }
    });
    socket.on("close", () => {
      clearInterval(ping);
      for (const channel of connection.channels.values()) {
        channel.end({ error: "the agent's connection was lost" });
      }
      if (connections.get(uid) === connection) {
        connections.delete(uid);
        write(() => options.onDisconnect(uid));
      }
    });
  }
}

class Channel implements AgentChannel {
  readonly #connection: Connection;
  readonly #id: string;
  #onData: ((data: string) => void) | undefined;
  #onClose: ((end: { error?: string; exitCode?: number }) => void) | undefined;
  #early: string[] = [];
  #end: { error?: string; exitCode?: number } | undefined;

  constructor(connection: Connection, id: string) {
    this.#connection = connection;
    this.#id = id;
    connection.channels.set(id, this);
  }

  start(open: ChannelOpen): void {
    this.#frame({ type: "open", id: this.#id, open });
  }

  send(data: string): void {
    this.#frame({ type: "data", id: this.#id, data });
  }

  resize(cols: number, rows: number): void {
    this.#frame({ type: "resize", id: this.#id, cols, rows });
  }

  onData(listener: (data: string) => void): void {
    this.#onData = listener;
    for (const data of this.#early.splice(0)) {
      listener(data);
    }
  }

  onClose(listener: (end: { error?: string; exitCode?: number }) => void): void {
    this.#onClose = listener;
    if (this.#end) {
      listener(this.#end);
    }
  }

  close(): void {
    if (this.#connection.channels.delete(this.#id)) {
      this.#frame({ type: "close", id: this.#id });
    }
  }

  receive(data: string): void {
    if (this.#onData) {
      this.#onData(data);
    } else {
      this.#early.push(data);
    }
  }

  end({ error, exitCode }: { error?: string | undefined; exitCode?: number | undefined }): void {
    this.#connection.channels.delete(this.#id);
    this.#end = { ...(error !== undefined && { error }), ...(exitCode !== undefined && { exitCode }) };
    this.#onClose?.(this.#end);
  }

  #frame(frame: ServerFrame): void {
    if (this.#connection.socket.readyState === this.#connection.socket.OPEN) {
      this.#connection.socket.send(JSON.stringify(frame));
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
