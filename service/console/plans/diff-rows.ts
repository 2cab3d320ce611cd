/** A line of one side: its number and text; absent where the other side has one more. */
export interface Side {
  readonly number: number;
  readonly text: string;
}
/** What stands in one row of two sides: the same line, one for another, or one that only one side has. */
export interface Row {
  readonly kind: "same" | "changed";
  readonly before: Side | undefined;
  readonly after: Side | undefined;
}
/** A part of a file with what is around its changes. */
export interface Hunk {
  readonly head: string;
  readonly rows: readonly Row[];
}

/** A unified diff as two sides, line by line. What stands before its first hunk (the files' names, or that only secrets differ) is no part of it. */
export function hunksOf(diff: string): readonly Hunk[] {
  const hunks: { head: string; rows: Row[] }[] = [];
  let [before, after] = [0, 0];
  let removed: Side[] = [];
  let added: Side[] = [];
  const settle = () => {
    const rows = hunks.at(-1)?.rows;
    for (let index = 0; index < Math.max(removed.length, added.length); index++) {
      rows?.push({ kind: "changed", before: removed[index], after: added[index] });
    }
    removed = [];
    added = [];
  };
  // A last line that is empty is one.
  for (const line of diff.replace(/\n$/, "").split("\n")) {
    const [, from, to] = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/.exec(line) ?? [];
    if (from !== undefined && to !== undefined) {
      settle();
      [before, after] = [Number(from), Number(to)];
      hunks.push({ head: line, rows: [] });
    } else if (hunks.length > 0) {
      const text = line.slice(1);
      if (line.startsWith("-")) {
        if (added.length > 0) {
          settle();
        }
        removed.push({ number: before++, text });
      } else if (line.startsWith("+")) {
        added.push({ number: after++, text });
      } else if (line.startsWith(" ")) {
        settle();
        hunks.at(-1)?.rows.push({ kind: "same", before: { number: before++, text }, after: { number: after++, text } });
      }
    }
  }
  settle();
  return hunks;
}
