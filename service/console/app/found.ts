/** Those whose text has every word that is typed, the ones that begin with it first. */
export function found<T extends { readonly text: string }>(entries: readonly T[], words: string, limit: number): readonly T[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const first = wanted[0] ?? "";
  const ranked = entries.flatMap((entry) => {
    const text = entry.text.toLowerCase();
    return wanted.every((word) => text.includes(word)) ? [{ entry, rank: text.startsWith(first) ? 0 : 1 }] : [];
  });
  // Stable: within a rank they are in the order in which they were given.
  return ranked
    .sort((a, b) => a.rank - b.rank)
    .slice(0, limit)
    .map(({ entry }) => entry);
}
