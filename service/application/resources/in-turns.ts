import { setImmediate as turn } from "node:timers/promises";

const ITEMS_PER_TURN = 50;

/** Works on a whole fleet without keeping everybody else waiting: a fleet takes the processor for longer than a read may take. */
export async function inTurns<T, R>(items: readonly T[], work: (item: T) => R | Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const [index, item] of items.entries()) {
    if (index % ITEMS_PER_TURN === ITEMS_PER_TURN - 1) {
      await turn();
    }
    results.push(await work(item));
  }
  return results;
}
