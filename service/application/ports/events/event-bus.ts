/** Where domain events go after commit: at least once, in order per tenant, each with its id for deduplication. */
export interface EventBus {
  publish(
    events: readonly {
      readonly subject: string;
      readonly id: string;
      readonly payload: object;
    }[],
  ): Promise<void>;
  close(): Promise<void>;
}
