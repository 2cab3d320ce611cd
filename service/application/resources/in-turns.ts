import { setImmediate as turn } from "node:timers/promises";

/** How long others wait at most, and an item more. */
const TURN_MS = 5;

/** Works on a whole fleet without keeping everybody else waiting: a fleet takes the processor for longer than a read may take. */
export async function inTurns<T, R>(items: readonly T[], work: (item: T) => R | Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let begunMs = performance.now();
  for (const item of items) {
    if (performance.now() - begunMs > TURN_MS) {
      await turn();
      begunMs = performance.now();
    }
    results.push(await work(item));
  }
  return results;
}
