/** Nobody mistypes one of ours into something longer. */
const TYPED_LENGTH_MAX = 100;

/** The candidate that a mistyped key most likely means, or undefined when none is near. */
export function nearestKey(typed: string, candidates: Iterable<string>): string | undefined {
  if (typed.length > TYPED_LENGTH_MAX) {
    return undefined;
  }
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(typed.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(typed.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Edits of one character (insert, delete, replace, swap of neighbours) between two texts. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number) => rows[row]?.[column] ?? Number.POSITIVE_INFINITY;
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    rows.push(current);
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      current.push(
        Math.min(
          at(row - 1, column) + 1,
          at(row, column - 1) + 1,
          at(row - 1, column - 1) + (same ? 0 : 1),
          swapped ? at(row - 2, column - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
  }
  return at(a.length, b.length);
}

/** What to do about an unknown key. */
export function unknownKeyFix(typed: string, candidates: readonly string[]): string {
  const nearest = nearestKey(typed, candidates);
  if (nearest !== undefined) {
    return `did you mean '${nearest}'?`;
  }
  const known = candidates.toSorted();
  const shown = known.slice(0, 12).join(", ");
  return known.length === 0 ? "remove it" : `remove it; known here: ${shown}${known.length > 12 ? ", …" : ""}`;
}
