import { JetStreamApiError, type JetStreamClient, jetstream, jetstreamManager, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import { connect, type NatsConnection, nanos } from "@nats-io/transport-node";
import { ClawError } from "../../sdk/contract/index.ts";
import type { EventBus } from "../../service/application/ports/events/event-bus.ts";
import { type Circuit, CircuitBreaker } from "../../service/domain/circuit-breaker.ts";

const CONNECT_TIMEOUT_MS = 5_000;
const ACK_TIMEOUT_MS = 5_000;
const STREAM_NOT_FOUND = 10_059;
const STREAM_NAME_IN_USE = 10_058;
const DAY_MS = 24 * 3600 * 1000;
/** How long the server remembers event ids. An event that is published again after a failure comes well within it. */
const DUPLICATE_WINDOW_MS = 10 * 60 * 1000;

export interface JetStreamOptions {
  readonly url: string;
  /** The stream, made when it is not there; one that is there keeps the limits its owner gave it. @default "CLAW" */
  readonly stream?: string;
  /** What the stream holds. @default "claw.v1.>" */
  readonly subjects?: string;
}

/**
 * A bus on NATS JetStream. It does not need the server to be there: `publish` rejects until it is, and the outbox keeps the events.
 * The connection is made at the first publication and remade for ever after.
 */
export function openJetStreamBus(options: JetStreamOptions): EventBus & { readonly circuit: Circuit } {
  return new JetStreamBus(options);
}

/** What is there, in words. Nothing is made. @throws when it can't be reached, or has no JetStream */
export async function probeJetStream(url: string): Promise<string> {
  const connection = await connectTo(url, 0);
  try {
    const { version } = connection.info ?? {};
    await (await jetstreamManager(connection)).getAccountInfo();
    return `NATS ${version ?? ""} at ${new URL(url).host}, with JetStream`;
  } finally {
    await connection.close();
  }
}

function connectTo(address: string, maxReconnectAttempts: number): Promise<NatsConnection> {
  const url = new URL(address);
  return connect({
    servers: url.host,
    name: "claw",
    timeout: CONNECT_TIMEOUT_MS,
    maxReconnectAttempts,
    ...(url.protocol === "tls:" && { tls: {} }),
    ...(url.username !== "" && credentials(url)),
  });
}

class JetStreamBus implements EventBus {
  readonly #options: JetStreamOptions;
  #connection: Promise<NatsConnection> | undefined;
  #disconnected = false;
  #client: Promise<JetStreamClient> | undefined;
  // Whoever publishes holds a transaction meanwhile: a server that is away must not cost each of them the time to find that out.
  readonly #breaker: CircuitBreaker;

  constructor(options: JetStreamOptions) {
    this.#options = options;
    this.#breaker = new CircuitBreaker({ dependency: () => `nats ${new URL(options.url).host}`, isFailure: () => true });
  }

  get circuit(): Circuit {
    return this.#breaker.circuit;
  }

  publish(events: Parameters<EventBus["publish"]>[0]): Promise<void> {
    return this.#breaker.run(() => this.#publish(events));
  }

  async #publish(events: Parameters<EventBus["publish"]>[0]): Promise<void> {
    try {
      // The client would hold what is published now until the server is back, and the caller's transaction with it.
      if (this.#disconnected) {
        throw new Error("the connection is lost");
      }
      this.#client ??= this.#prepare();
      const client = await this.#client;
      // One after the other: were several on their way, a lost one would be stored after its successors.
      for (const event of events) {
        await client.publish(event.subject, JSON.stringify(event.payload), { msgID: event.id, timeout: ACK_TIMEOUT_MS });
      }
    } catch (cause) {
      // The connection mends itself; the stream may have to be made anew.
      this.#client = undefined;
      throw new ClawError("service.unavailable", "NATS did not take the events; they stay in the outbox", { cause });
    }
  }

  async close(): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined);
    await connection?.close();
  }

  async #prepare(): Promise<JetStreamClient> {
    this.#connection ??= this.#connect();
    const connection = await this.#connection.catch((error: unknown) => {
      this.#connection = undefined;
      throw error;
    });
    await this.#ensureStream(connection);
    return jetstream(connection);
  }

  async #connect(): Promise<NatsConnection> {
    const connection = await connectTo(this.#options.url, -1);
    void this.#watch(connection);
    return connection;
  }

  async #watch(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === "disconnect" || status.type === "reconnect") {
        this.#disconnected = status.type === "disconnect";
      }
    }
  }

  async #ensureStream(connection: NatsConnection): Promise<void> {
    const { stream = "CLAW", subjects = "claw.v1.>" } = this.#options;
    const manager = await jetstreamManager(connection);
    try {
      await manager.streams.info(stream);
    } catch (error) {
      if (!hasCode(error, STREAM_NOT_FOUND)) {
        throw error;
      }
      await manager.streams
        .add({
          name: stream,
          subjects: [subjects],
          retention: RetentionPolicy.Limits,
          storage: StorageType.File,
          max_age: nanos(7 * DAY_MS),
          duplicate_window: nanos(DUPLICATE_WINDOW_MS),
        })
        .catch((addError: unknown) => {
          // Another replica made it meanwhile, with limits of its own version.
          if (!hasCode(addError, STREAM_NAME_IN_USE)) {
            throw addError;
          }
        });
    }
  }
}

/** A user without a password is a token, as in other NATS clients. */
function credentials(url: URL) {
  const user = decodeURIComponent(url.username);
  return url.password === "" ? { token: user } : { user, pass: decodeURIComponent(url.password) };
}

function hasCode(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code;
}
