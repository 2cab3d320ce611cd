import type { Logger } from "pino";
import type { EventBus } from "../application/ports/events/event-bus.ts";
import type { Transactions } from "../application/ports/transactions.ts";
import { type Loop, startLoop } from "./loop.ts";

const BATCH = 200;
const IDLE_MS = 1000;

/**
 * Publishes what the outbox holds, in order, and marks it after the bus took it: an event may be published twice (its id tells), never
 * not at all. Of several relays one works at a time, and any of them takes over.
 */
export function startOutboxRelay(deps: { readonly transactions: Transactions; readonly bus: EventBus; readonly log: Logger }): Loop {
  return startLoop(
    "outbox-relay",
    IDLE_MS,
    () =>
      deps.transactions.platform(async (tx) => {
        const events = await tx.outbox.claim(BATCH);
        if (events.length === 0) {
          return false;
        }
        await deps.bus.publish(
          events.map(({ message }) => ({
            subject: `claw.v1.${message.tenantId}.${message.aggregate}.${message.event}`,
            id: message.id,
            payload: message,
          })),
        );
        await tx.outbox.markPublished(events.map((event) => event.sequence));
        return events.length === BATCH;
      }),
    deps.log,
  );
}
