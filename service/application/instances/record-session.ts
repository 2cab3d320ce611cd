import { EventType, type InstanceId, type TenantId } from "../../../sdk/contract/index.ts";
import type { Actor } from "../../domain/access/actor.ts";
import type { Transactions } from "../ports/transactions.ts";
import { recordEvent, SESSIONS } from "./report-status.ts";

export type Session = keyof typeof SESSIONS;

/** A program that connects does so many times a minute, and a chat with every message: that is one session. */
const SAME_SESSION_MS = 10 * 60_000;
const RECENT_EVENTS = 20;

/** Puts on record who gets into an instance, before they do. */
export async function recordSession(
  transactions: Transactions,
  tenantId: TenantId,
  id: InstanceId,
  session: Session,
  actor: Actor,
  now: Date,
): Promise<void> {
  const reason = SESSIONS[session];
  await transactions.tenant(tenantId, async (tx) => {
    const { items } = session === "console" ? { items: [] } : await tx.events.list(id, RECENT_EVENTS);
    const isSame = items.some(
      (event) => event.reason === reason && event.actor === actor.subject && now.getTime() - Date.parse(event.time) < SAME_SESSION_MS,
    );
    if (!isSame) {
      const message = `${session === "console" ? "a terminal was" : `a ${session} session was`} opened by ${actor.subject}`;
      await recordEvent(tx, id, { type: EventType.Normal, reason, message, actor: actor.subject }, now.toISOString());
    }
  });
}
