import { amountOf } from "../../../sdk/contract/quantity.ts";

/** How much of a limit is used, from 0 on; undefined where that can't be told. */
export function shareOf(used: string, hard: string): number | undefined {
  const [part, whole] = [amountOf(used), amountOf(hard)];
  if (part === undefined || whole === undefined) {
    return undefined;
  }
  return whole === 0 ? (part === 0 ? 0 : 1) : part / whole;
}
