import { Client } from "pg";

/**
 * A connection that sends what is asked in one turn in one message: a transaction's beginning goes with its first statement, a change of roles with the next. The system
 * call for each message is most of what a short statement costs here.
 */
export class GatheringClient extends Client {
  /** The driver's signatures, which differ in what they take and answer, have one implementation. */
  override query(...args: never[]): never {
    const { stream } = (this as unknown as { readonly connection: { readonly stream: { cork(): void; uncork(): void } } }).connection;
    stream.cork();
    process.nextTick(() => stream.uncork());
    return (super.query as (...args: never[]) => never).apply(this, args);
  }
}
