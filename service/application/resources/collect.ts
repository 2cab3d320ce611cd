/** What each of them comes to, one after another, as one list: a transaction answers one question at a time. */
export async function collect<T, U>(items: Iterable<T>, read: (item: T) => Promise<readonly U[]>): Promise<U[]> {
  const found: U[] = [];
  for (const item of items) {
    found.push(...(await read(item)));
  }
  return found;
}
