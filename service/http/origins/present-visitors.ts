import { createHash } from "node:crypto";
import type { Duplex } from "node:stream";
import { type AuditOrigin, ClawError } from "../../../sdk/contract/index.ts";
import type { Entries } from "../../application/instances/entries.ts";
import type { OpenChannel } from "../../application/instances/open-channel.ts";
import type { Visitor, Visits } from "../../application/instances/visits.ts";
import type { AgentChannel } from "../../application/ports/instances/agents.ts";
import { passOf } from "../../domain/instances/visit.ts";
import type { Tallies } from "../../domain/tallies.ts";
import type { OpenStreams } from "../streams/open-streams.ts";
import { channelStream } from "./channel-stream.ts";

/** A visit of somebody who may not go on with it ends within this. */
const RECHECK_MS = 5_000;
/** What its connections are called where streams are counted. */
const KIND = "open";

export interface PresentVisitorOptions {
  readonly visits: Pick<Visits, "visitor">;
  readonly openChannel: OpenChannel;
  readonly entries: Pick<Entries, "enter">;
  readonly open: Pick<OpenStreams, "take">;
  readonly tallies: Pick<Tallies, "count">;
}

/** A visitor who has asked for something here lately. */
interface Present {
  who: Visitor;
  readonly passDigest: string;
  readonly connections: Set<Duplex>;
  /** Whether somebody has come since the last look. */
  isNew: boolean;
  readonly timer: NodeJS.Timeout;
  hasEnded: boolean;
}

/**
 * The visitors of this replica. A page asks for much at once: their right is looked at with the first, and every five seconds for as long as there is
 * something open or asked for.
 */
export class PresentVisitors {
  readonly #options: PresentVisitorOptions;
  readonly #present = new Map<string, Promise<Present | undefined>>();

  constructor(options: PresentVisitorOptions) {
    this.#options = options;
  }

  /** Who brings that key; undefined of nobody. */
  async find(label: string, key: string): Promise<Visitor | undefined> {
    const present = await this.#at(label, key);
    if (present) {
      present.isNew = true;
    }
    return present?.who;
  }

  /** A connection to the port of the instance that is visited. It ends with the visitor's right. @throws {ClawError} `instance.unreachable`, … */
  async connect(label: string, key: string, from: AuditOrigin): Promise<Duplex> {
    const present = await this.#at(label, key);
    if (!present) {
      throw ended();
    }
    const { openChannel, entries, open, tallies } = this.#options;
    const { address, actor } = present.who;
    const leave = open.take(address.tenant, KIND);
    let channel: AgentChannel | undefined;
    try {
      channel = await openChannel(address, { channel: "tcp", pass: present.passDigest });
      const onLeft = await entries.enter("connect", address, { ...actor, from });
      if (present.hasEnded) {
        onLeft();
        throw ended();
      }
      tallies.count("claw_streams_opened_total", { kind: KIND });
      const stream = channelStream(channel, () => tallies.count("claw_stream_frames_total", { kind: KIND }));
      present.connections.add(stream);
      stream.once("close", () => {
        leave();
        onLeft();
        present.connections.delete(stream);
      });
      return stream;
    } catch (error) {
      channel?.close();
      leave();
      throw error;
    }
  }

  /** Ends all that is open. */
  async close(): Promise<void> {
    for (const [id, entered] of this.#present) {
      const present = await entered.catch(() => undefined);
      if (present) {
        this.#end(id, present);
      }
    }
  }

  async #at(label: string, key: string): Promise<Present | undefined> {
    const id = `${label} ${createHash("sha256").update(key).digest("hex")}`;
    let entered = this.#present.get(id);
    if (!entered) {
      entered = this.#enter(id, label, key);
      this.#present.set(id, entered);
      // Who is nobody is not kept, and what could not be asked is asked again.
      void entered.then(
        (present) => present ?? this.#present.delete(id),
        () => this.#present.delete(id),
      );
    }
    return entered;
  }

  async #enter(id: string, label: string, key: string): Promise<Present | undefined> {
    const who = await this.#look(label, key);
    if (!who) {
      return undefined;
    }
    const passDigest = createHash("sha256").update(passOf(key)).digest("hex");
    const timer = setInterval(() => void this.#lookAgain(id, present, label, key), RECHECK_MS);
    const present: Present = { who, passDigest, connections: new Set(), isNew: true, timer, hasEnded: false };
    return present;
  }

  async #lookAgain(id: string, present: Present, label: string, key: string): Promise<void> {
    if (present.connections.size === 0 && !present.isNew) {
      return this.#end(id, present);
    }
    present.isNew = false;
    try {
      const who = await this.#look(label, key);
      if (who) {
        present.who = who;
      } else {
        this.#end(id, present);
      }
    } catch {
      // What could not be asked is asked again.
    }
  }

  /** @throws what keeps the right from being looked at */
  async #look(label: string, key: string): Promise<Visitor | undefined> {
    return this.#options.visits.visitor(label, key).catch((error: unknown) => {
      if (error instanceof ClawError && error.status < 500) {
        return undefined;
      }
      throw error;
    });
  }

  #end(id: string, present: Present): void {
    present.hasEnded = true;
    clearInterval(present.timer);
    this.#present.delete(id);
    for (const connection of present.connections) {
      connection.destroy(ended());
    }
  }
}

function ended(): ClawError {
  return new ClawError("session.not_found", "the visit has ended");
}
