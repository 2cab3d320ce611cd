import { EventType, type InstanceId, type TenantId } from "../../../sdk/contract/index.ts";
import type { Actor } from "../../domain/access/actor.ts";
import { type AuditEntry, entryOf } from "../../domain/audit/chain.ts";
import type { TenantTransaction, Transactions } from "../ports/transactions.ts";
import { recordEvent, WAYS_IN } from "./report-status.ts";

export type WayIn = keyof typeof WAYS_IN;

/** A program that connects does so many times a minute, and a chat with every message: that is one entry. */
const SAME_ENTRY_MS = 10 * 60_000;
const RECENT_EVENTS = 20;

/** The instance that somebody gets into. */
export interface Entered {
  readonly tenantId: TenantId;
  readonly tenant: string;
  readonly uid: InstanceId;
  readonly name: string;
}

interface Kept {
  readonly way: WayIn;
  readonly entered: Entered;
  readonly actor: Actor;
  readonly begunAt: number;
  /** Resolves once its beginning is on record. */
  readonly begun: Promise<void>;
  /** Streams of it that are open, and how many there were. */
  open: number;
  streams: number;
  leftAt: number;
}

/**
 * Puts on record who gets into an instance, before they do, and when they have left it again. What chats and programs that connect do within ten minutes is one
 * entry; each terminal is one. A replica that is killed tells no ends.
 */
export class Entries {
  readonly #deps: { readonly transactions: Transactions; readonly clock: () => Date };
  readonly #kept = new Map<string, Kept>();
  #terminals = 0;

  constructor(deps: { readonly transactions: Transactions; readonly clock: () => Date }) {
    this.#deps = deps;
  }

  /** @returns ends it: a stream of it is no more */
  async enter(way: WayIn, entered: Entered, actor: Actor): Promise<() => void> {
    const key = JSON.stringify([way, entered.uid, actor.subject, way === "console" ? this.#terminals++ : 0]);
    const known = this.#kept.get(key);
    const now = this.#deps.clock();
    const kept = known ?? {
      ...{ way, entered, actor, begunAt: now.getTime(), open: 0, streams: 0, leftAt: 0 },
      begun: this.#write(entered.tenantId, (tx) => begin(tx, way, entered, actor, now)),
    };
    this.#kept.set(key, kept);
    kept.open += 1;
    kept.streams += 1;
    try {
      await kept.begun;
    } catch (error) {
      this.#kept.delete(key);
      throw error;
    }
    return () => {
      kept.open -= 1;
      kept.leftAt = this.#deps.clock().getTime();
    };
  }

  /** Tells of those that have ended. @param isLast of all, whether they have or not */
  async tell(isLast = false): Promise<void> {
    const now = this.#deps.clock().getTime();
    for (const [key, kept] of this.#kept) {
      const waits = kept.way === "console" ? 0 : SAME_ENTRY_MS;
      if (isLast || (kept.open === 0 && now - kept.leftAt >= waits)) {
        this.#kept.delete(key);
        const end = kept.open > 0 ? now : kept.leftAt;
        try {
          await kept.begun;
          await this.#write(kept.entered.tenantId, async (tx) => tx.audit.append(endOf(kept, end, now)));
        } catch (error) {
          // Another may have begun meanwhile.
          this.#kept.set(`${key} ${kept.begunAt}`, kept);
          throw error;
        }
      }
    }
  }

  #write(tenantId: TenantId, work: (tx: TenantTransaction) => Promise<void>): Promise<void> {
    return this.#deps.transactions.tenant(tenantId, work);
  }
}

async function begin(tx: TenantTransaction, way: WayIn, entered: Entered, actor: Actor, now: Date): Promise<void> {
  const reason = WAYS_IN[way];
  const { items } = way === "console" ? { items: [] } : await tx.events.list(entered.uid, RECENT_EVENTS);
  // Another replica may have told of it.
  const isTold = items.some(
    (event) => event.reason === reason && event.actor === actor.subject && now.getTime() - Date.parse(event.time) < SAME_ENTRY_MS,
  );
  if (!isTold) {
    const message = `${way === "console" ? "a terminal was" : `a ${way} session was`} opened by ${actor.subject}`;
    await recordEvent(tx, entered.uid, { type: EventType.Normal, reason, message, actor: actor.subject }, now.toISOString());
  }
  tx.audit.append(recordOf(`instance.${way}`, { entered, actor }, now.toISOString(), {}));
}

function endOf(kept: Kept, end: number, now: number): AuditEntry {
  const { way, begunAt, streams } = kept;
  const seconds = Math.max(0, Math.round((end - begunAt) / 1000));
  const details = { began: new Date(begunAt).toISOString(), seconds: String(seconds), ...(streams > 1 && { streams: String(streams) }) };
  return recordOf(`instance.${way}-end`, kept, new Date(now).toISOString(), details);
}

function recordOf(
  action: string,
  { entered: { tenant, uid, name }, actor }: Pick<Kept, "entered" | "actor">,
  time: string,
  details: Record<string, string>,
): AuditEntry {
  return entryOf({ time, by: actor, action, resource: { kind: "ClawInstance", name, uid, tenant }, details });
}
