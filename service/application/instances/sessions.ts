import { EventType, type InstanceId, type TenantId } from "../../../sdk/contract/index.ts";
import type { Actor } from "../../domain/access/actor.ts";
import { type AuditEntry, entryOf } from "../../domain/audit/chain.ts";
import type { TenantTransaction, Transactions } from "../ports/transactions.ts";
import { recordEvent, SESSIONS } from "./report-status.ts";

export type SessionKind = keyof typeof SESSIONS;

/** A program that connects does so many times a minute, and a chat with every message: that is one session. */
const SAME_SESSION_MS = 10 * 60_000;
const RECENT_EVENTS = 20;

/** The instance that somebody gets into. */
export interface Entered {
  readonly tenantId: TenantId;
  readonly tenant: string;
  readonly uid: InstanceId;
  readonly name: string;
}

interface Kept {
  readonly session: SessionKind;
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
 * session; each terminal is one. A replica that is killed tells no ends.
 */
export class Sessions {
  readonly #deps: { readonly transactions: Transactions; readonly clock: () => Date };
  readonly #kept = new Map<string, Kept>();
  #terminals = 0;

  constructor(deps: { readonly transactions: Transactions; readonly clock: () => Date }) {
    this.#deps = deps;
  }

  /** @returns ends it: a stream of it is no more */
  async open(session: SessionKind, entered: Entered, actor: Actor): Promise<() => void> {
    const key = JSON.stringify([session, entered.uid, actor.subject, session === "console" ? this.#terminals++ : 0]);
    const known = this.#kept.get(key);
    const now = this.#deps.clock();
    const kept = known ?? {
      ...{ session, entered, actor, begunAt: now.getTime(), open: 0, streams: 0, leftAt: 0 },
      begun: this.#write(entered.tenantId, (tx) => begin(tx, session, entered, actor, now)),
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
      const waits = kept.session === "console" ? 0 : SAME_SESSION_MS;
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

async function begin(tx: TenantTransaction, session: SessionKind, entered: Entered, actor: Actor, now: Date): Promise<void> {
  const reason = SESSIONS[session];
  const { items } = session === "console" ? { items: [] } : await tx.events.list(entered.uid, RECENT_EVENTS);
  // Another replica may have told of it.
  const isTold = items.some(
    (event) => event.reason === reason && event.actor === actor.subject && now.getTime() - Date.parse(event.time) < SAME_SESSION_MS,
  );
  if (!isTold) {
    const message = `${session === "console" ? "a terminal was" : `a ${session} session was`} opened by ${actor.subject}`;
    await recordEvent(tx, entered.uid, { type: EventType.Normal, reason, message, actor: actor.subject }, now.toISOString());
  }
  tx.audit.append(recordOf(`instance.${session}`, { entered, actor }, now.toISOString(), {}));
}

function endOf(kept: Kept, end: number, now: number): AuditEntry {
  const { session, begunAt, streams } = kept;
  const seconds = Math.max(0, Math.round((end - begunAt) / 1000));
  const details = { began: new Date(begunAt).toISOString(), seconds: String(seconds), ...(streams > 1 && { streams: String(streams) }) };
  return recordOf(`instance.${session}-end`, kept, new Date(now).toISOString(), details);
}

function recordOf(
  action: string,
  { entered: { tenant, uid, name }, actor }: Pick<Kept, "entered" | "actor">,
  time: string,
  details: Record<string, string>,
): AuditEntry {
  return entryOf({ time, by: actor, action, resource: { kind: "ClawInstance", name, uid, tenant }, details });
}
