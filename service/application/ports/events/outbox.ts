import type { BusEventData, BusEventName, BusMessage } from "../../../../sdk/contract/index.ts";

/** Something that happened, as the bus's catalogue has it. */
export type DomainEvent = {
  [Event in BusEventName]: { readonly id: string; readonly event: Event; readonly time: string; readonly data: BusEventData<Event> };
}[BusEventName];
export interface OutboxRepository {
  /** Unpublished events in order, or none while another transaction relays: two at once would publish out of order. */
  claim(limit: number): Promise<readonly { readonly sequence: string; readonly message: BusMessage }[]>;
  markPublished(sequences: readonly string[]): Promise<void>;
}
