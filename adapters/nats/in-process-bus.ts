import type { EventBus } from "../../service/application/ports/events/event-bus.ts";

type Published = Parameters<EventBus["publish"]>[0][number];

/** The bus of a control plane that runs alone: events go to whoever listens in this process. */
export class InProcessBus implements EventBus {
  readonly #listeners = new Set<(event: Published) => void>();

  async publish(events: Parameters<EventBus["publish"]>[0]): Promise<void> {
    for (const event of events) {
      for (const listener of this.#listeners) {
        listener(event);
      }
    }
  }

  /** Listeners must not throw: they would keep the event in the outbox for everybody. Returns how to stop listening. */
  subscribe(listener: (event: Published) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
  }
}
