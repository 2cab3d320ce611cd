import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { FastifyBaseLogger } from "fastify";
import type { WebSocket } from "ws";
import {
  type AgentFrame,
  AgentFrameSchema,
  type AgentStatus,
  ClawError,
  digestOfHanding,
  errorCatalogue,
  type InstanceId,
  readFrame,
  type ServerFrame,
} from "../../../sdk/contract/index.ts";
import type { AgentLink, Deliveries } from "../../application/instances/deliveries.ts";
import type { Agents, UsageSample } from "../../application/ports/instances/agents.ts";
import type { AgentReport } from "../../domain/instances/instance.ts";
import { Channel, UNREADABLE } from "./agent-channel.ts";
import { itemsOfText } from "./items-of-text.ts";
import { Places } from "./places.ts";

const PING_MS = 15_000;
/** A terminal's first takes seconds on a busy machine. */
const OPEN_MS = 30_000;
/** Reports that wait to be written: an agent that says more is not read until they are. */
const REPORTS_MAX = 32;
/**
 * Agents that are verified, and whose reports are written, at a time: when a host goes or comes with a thousand of them, those that wait for a
 * connection to the database would be refused it, and the report be lost.
 */
const AT_ONCE = 4;
/** A report that could not be written now is tried again: first after so long, then after twice that, and so on. */
const RETRY_MS = 500;
const RETRY_MS_MAX = 10_000;

export interface AgentHubOptions {
  /** When a connection began whose token is that instance's, and undefined where it is not; takes the same time for any wrong one. */
  readonly verifyAgent: (uid: InstanceId, token: string) => Promise<string | undefined>;
  readonly onStatus: (uid: InstanceId, report: AgentReport) => Promise<unknown>;
  readonly onDisconnect: (uid: InstanceId, connectedAt: string) => Promise<unknown>;
  /** Where those are told of that take deliveries. */
  readonly deliveries: Pick<Deliveries, "arrived" | "left" | "pulled">;
  readonly clock: () => Date;
  readonly log: Pick<FastifyBaseLogger, "error" | "warn">;
}

/** The agents that dialled in, by instance; the newest connection of an instance is the one that counts. */
export interface AgentHub extends Agents {
  /** Takes over a socket of `GET /agent/v1`. */
  accept(socket: WebSocket, uid: string, token: string): Promise<void>;
  /** Lets go of an agent that is connected by a token which is no good any more; of all such, where none is named. */
  recheck(uid?: InstanceId): Promise<void>;
  /** Lets the agents go, and resolves when what they reported is written. */
  close(): Promise<void>;
}

interface Connection {
  readonly socket: WebSocket;
  readonly token: string;
  /** By the database's clock. */
  readonly connectedAt: string;
  readonly channels: Map<string, Channel>;
  status: AgentStatus | undefined;
  /** Whether the agent grants credit. */
  isGranting: boolean;
  /** Whether its logs come as items. */
  isResuming: boolean;
  /** The way to one that takes deliveries. */
  link: AgentLink | undefined;
}

export function createAgentHub(options: AgentHubOptions): AgentHub {
  const connections = new Map<string, Connection>();
  /** Reports of an instance are written one after another, whichever connection they came by: the last one is the one that stays. */
  const writing = new Map<string, Promise<unknown>>();
  let samples = new Map<InstanceId, UsageSample>();
  const verifying = new Places(AT_ONCE);
  const reporting = new Places(AT_ONCE);
  const stopping = new AbortController();
  return {
    takeUsage() {
      const taken = [...samples.values()];
      samples = new Map();
      return taken;
    },
    status: (uid) => connections.get(uid)?.status,
    async open(uid, open) {
      const connection = connections.get(uid);
      // Before it has said hello it can't be known how to talk to it.
      if (!connection?.status) {
        throw new ClawError("instance.unreachable", `the agent of instance '${uid}' is not connected; is the instance running?`);
      }
      const { channels, socket, isGranting, isResuming } = connection;
      if (open.channel === "chat" && open.after !== undefined && !isResuming) {
        throw new ClawError(
          "instance.unreachable",
          "the instance's agent can't go on with an answer: restart the instance once for one that can",
        );
      }
      const id = randomUUID();
      const send = (frame: ServerFrame, onSent?: () => void) => {
        if (socket.readyState === socket.OPEN) {
          socket.send(JSON.stringify(frame), onSent);
        }
      };
      const asked = open.channel === "logs" ? { ...open, items: true as const } : open;
      const channel = new Channel({ id, open: asked, isGranting, send, onGone: () => channels.delete(id) });
      channels.set(id, channel);
      const late = setTimeout(() => channel.fail("the instance's agent did not open the channel in time"), OPEN_MS);
      await channel.opened.finally(() => clearTimeout(late));
      return open.channel === "logs" && !isResuming ? itemsOfText(channel) : channel;
    },
    async accept(socket, uid, token) {
      // What it says meanwhile waits.
      socket.pause();
      const verified = await verify(uid as InstanceId, token);
      socket.resume();
      if (verified === undefined || stopping.signal.aborted) {
        socket.close(1013, "come again");
        return;
      }
      if (verified.connectedAt === undefined) {
        refuse(socket);
        return;
      }
      if (socket.readyState !== socket.OPEN) {
        return;
      }
      connections.get(uid)?.socket.terminate();
      const connection: Connection = {
        socket,
        token,
        connectedAt: verified.connectedAt,
        channels: new Map(),
        status: undefined,
        isGranting: false,
        isResuming: false,
        link: undefined,
      };
      connections.set(uid, connection);
      serve(connection, uid as InstanceId);
    },
    async recheck(uid) {
      const checked = [...connections].filter(([id]) => uid === undefined || id === uid);
      await Promise.all(
        checked.map(async ([id, { socket, token }]) => {
          const verified = await verify(id as InstanceId, token);
          if (verified && verified.connectedAt === undefined) {
            refuse(socket);
          }
        }),
      );
    },
    async close() {
      stopping.abort();
      for (const { socket } of connections.values()) {
        socket.close(1001, "the service is stopping");
      }
      await Promise.all(writing.values());
    },
  };

  /** Undefined where that could not be asked. */
  function verify(uid: InstanceId, token: string): Promise<{ readonly connectedAt: string | undefined } | undefined> {
    return verifying
      .run(async () => ({ connectedAt: await options.verifyAgent(uid, token) }))
      .catch((err: unknown) => {
        options.log.error({ err, instance: uid }, "whether an agent is who it says could not be asked");
        return undefined;
      });
  }

  function refuse(socket: WebSocket): void {
    socket.close(4401, "the token is of no instance here");
  }

  function linkTo(connection: Connection): AgentLink {
    const { socket } = connection;
    const send = (frame: ServerFrame) => socket.readyState === socket.OPEN && socket.send(JSON.stringify(frame));
    connection.link = {
      notice: (digest, anew) => void send({ type: "notice", digest, ...(anew && { anew }) }),
      hand: (handing) => void send({ type: "handing", digest: digestOfHanding(handing), content: JSON.stringify(handing) }),
    };
    return connection.link;
  }

  /** Writes a report however long the database is away: nobody says it again. */
  async function persist(work: () => Promise<unknown>, uid: InstanceId): Promise<unknown> {
    for (let waitMs = RETRY_MS; ; waitMs = Math.min(2 * waitMs, RETRY_MS_MAX)) {
      try {
        return await reporting.run(work);
      } catch (err) {
        if (!(err instanceof ClawError) || !errorCatalogue[err.code].retryable) {
          throw err;
        }
        options.log.warn({ err, instance: uid }, "a report of an agent is not written yet");
        await delay(waitMs, undefined, { signal: stopping.signal });
      }
    }
  }

  function serve(connection: Connection, uid: InstanceId): void {
    const { socket, connectedAt } = connection;
    let alive = true;
    let isUnderstood = true;
    let reports = 0;
    const write = (work: () => Promise<unknown>) => {
      // That the service stops says nothing of an agent.
      if (stopping.signal.aborted) {
        return;
      }
      if (++reports === REPORTS_MAX) {
        socket.pause();
      }
      const written = Promise.resolve(writing.get(uid))
        .then(() => persist(work, uid))
        .catch((err: unknown) => options.log.error({ err, instance: uid }, "a report of an agent was not written"))
        .finally(() => {
          if (reports-- === REPORTS_MAX) {
            socket.resume();
          }
          if (writing.get(uid) === written) {
            writing.delete(uid);
          }
        });
      writing.set(uid, written);
    };
    const ping = setInterval(() => {
      // What is not read holds no answer either.
      if (!alive && !socket.isPaused) {
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
    socket.on("message", (data: Buffer, isBinary) => {
      const read = readFrame(AgentFrameSchema, data, isBinary);
      if (read.frame) {
        handle(read.frame);
        return;
      }
      if (isUnderstood) {
        isUnderstood = false;
        options.log.warn({ instance: uid, channel: read.channel }, "an agent sent what is no frame of the agent protocol");
      }
      if (read.channel !== undefined) {
        connection.channels.get(read.channel)?.fail(UNREADABLE);
      }
    });
    const handle = (frame: AgentFrame) => {
      switch (frame.type) {
        case "hello":
        case "status":
          connection.isGranting ||= frame.type === "hello" && frame.grants === true;
          connection.isResuming ||= frame.type === "hello" && frame.resumes === true;
          connection.status = frame.status;
          write(() => options.onStatus(uid, { ...frame.status, connectedAt }));
          if (frame.type === "hello" && frame.delivers && !connection.link) {
            // Once it is written what it has: that is what it is compared with.
            write(async () => options.deliveries.arrived(uid, linkTo(connection)));
          }
          if (frame.usage) {
            // By this clock: an agent's own may be anything.
            samples.set(uid, { instance: uid, ...frame.usage, time: options.clock().toISOString() });
          }
          return;
        case "pull":
          return options.deliveries.pulled(uid, frame.digest);
        case "data":
          return connection.channels.get(frame.id)?.receive(frame.data);
        case "credit":
          return connection.channels.get(frame.id)?.grant(frame.credit);
        case "close":
          return connection.channels.get(frame.id)?.end(frame);
      }
    };
    socket.on("close", () => {
      clearInterval(ping);
      for (const channel of connection.channels.values()) {
        channel.lose();
      }
      if (connections.get(uid) === connection) {
        connections.delete(uid);
        options.deliveries.left(uid);
        write(() => options.onDisconnect(uid, connectedAt));
      }
    });
  }
}
