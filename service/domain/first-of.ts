/**
 * Of a list as many entries as there is room for, in its order, and how many it has: so what tells of many things can always be answered. One
 * that is too large for what is left is counted, and a smaller one after it is kept.
 */
export class FirstOf<T> {
  readonly items: T[] = [];
  count = 0;
  #bytesLeft: number;

  constructor(bytesMax: number) {
    this.#bytesLeft = bytesMax;
  }

  add(entry: T): void {
    this.count++;
    const bytes = Buffer.byteLength(JSON.stringify(entry));
    if (bytes <= this.#bytesLeft) {
      this.#bytesLeft -= bytes;
      this.items.push(entry);
    }
  }
}
